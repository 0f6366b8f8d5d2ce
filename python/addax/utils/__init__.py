"""Tools around models: data sets, progress bars, labels, files, seeds, pictures."""

from __future__ import annotations

import importlib

# Where each public name lives; the module is imported when the name is first used.
_HOMES = {
    "addax.backend.config": (
        "disable_interactive_logging",
        "enable_interactive_logging",
        "is_interactive_logging_enabled",
    ),
    "addax.backend.dtypes": ("standardize_dtype",),
    "addax.backend.keras_tensor": ("is_keras_tensor",),
    "addax.backend": ("clear_session",),
    "addax.saving.registration": (
        "CustomObjectScope",
        "custom_object_scope",
        "get_custom_objects",
        "get_registered_name",
        "get_registered_object",
        "register_keras_serializable",
    ),
    "addax.saving.serialization": ("deserialize_keras_object", "serialize_keras_object"),
    "addax.trainers.data_adapters.py_dataset": ("PyDataset",),
    "addax.trainers.data_adapters.unpack": (
        "pack_x_y_sample_weight",
        "unpack_x_y_sample_weight",
    ),
    "addax.utils.dataset_utils": ("split_dataset",),
    "addax.utils.directory_datasets": (
        "image_dataset_from_directory",
        "text_dataset_from_directory",
    ),
    "addax.utils.file_utils": ("get_file",),
    "addax.utils.image_utils": ("array_to_img", "img_to_array", "load_img", "save_img"),
    "addax.utils.model_visualization": ("model_to_dot", "plot_model"),
    "addax.utils.numerical_utils": ("normalize", "to_categorical"),
    "addax.utils.progbar": ("Progbar",),
    "addax.utils.rng_utils": ("set_random_seed",),
    "addax.utils.sequence_utils": ("pad_sequences",),
    "addax.utils.source_inputs": ("get_source_inputs",),
    "addax.utils.timeseries_dataset_utils": ("timeseries_dataset_from_array",),
}
_ALIASES = {"Sequence": "PyDataset"}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_MODULE_OF, *_ALIASES])


def __getattr__(name: str):
    target = _ALIASES.get(name, name)
    if target not in _MODULE_OF:
        raise AttributeError(f"module 'addax.utils' has no attribute '{name}'")
    value = getattr(importlib.import_module(_MODULE_OF[target]), target)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
