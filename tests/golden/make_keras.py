"""Writes keras/keras-<version>.tar.xz: files that real Keras wrote, and what its models predict.

Run with the Keras whose files are wanted: `KERAS_BACKEND=jax python make_keras.py` (Keras 3), or
`python make_keras.py` with TensorFlow 2.15 or 2.13 installed. In the archive:

    models/<model>.{keras,h5,weights.h5}      models/<model>.legacy.h5: weights alone, Keras 2
    training/<case>.{keras,h5,weights.h5}     after three steps
    expected.json                             predictions; losses and predictions after three more;
                                              what Keras itself failed to write
"""

from __future__ import annotations

import io
import lzma
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

import interop_files
import keras


def pack(folder: Path, archive: Path) -> None:
    """The same bytes for the same files: sorted, without times and owners."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = tarfile.TarInfo(str(path.relative_to(folder)))
                info.size = path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(info, file)
    archive.write_bytes(lzma.compress(data.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def main() -> None:
    warnings.simplefilter("ignore")
    is_keras_2 = keras.__version__.startswith("2.")
    endings = interop_files.ENDINGS if is_keras_2 else interop_files.ENDINGS[:3]
    target = Path(__file__).with_name("keras") / f"keras-{keras.__version__}.tar.xz"
    with tempfile.TemporaryDirectory() as temporary:
        interop_files.write_files(keras, Path(temporary), endings)
        pack(Path(temporary), target)
    print(f"{target}: {target.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
