// ONNX Runtime through its C API, as far as one session on buffers of the caller's needs it. The API is a table of
// functions whose order is fixed for all versions; the places below are those that are used here. The library is opened
// by its path: the one in the Python package serves.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

class OnnxRuntime {
 public:
  explicit OnnxRuntime(const std::string& library) {
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw std::runtime_error(dlerror());
    struct Base {
      const void* const* (*api)(std::uint32_t version);
      const char* (*version)();
    };
    const auto base = reinterpret_cast<const Base* (*)()>(dlsym(handle, "OrtGetApiBase"));
    if (base == nullptr) throw std::runtime_error(library + " is not ONNX Runtime");
    table_ = base()->api(17);
    version_ = base()->version();
    constexpr int kWarning = 2;
    call<kCreateEnv>(kWarning, "addax", &environment_);
    call<kCreateSessionOptions>(&options_);
    call<kSetGraphOptimizationLevel>(options_, 99);  // all
    call<kSetIntraOpNumThreads>(options_, 1);
    call<kSetInterOpNumThreads>(options_, 1);
    call<kCreateCpuMemoryInfo>(1, 0, &memory_);
  }

  const std::string& version() const { return version_; }

  void* open(const std::string& path) const {
    void* session = nullptr;
    call<kCreateSession>(environment_, path.c_str(), options_, &session);
    return session;
  }

  // A float tensor in the caller's memory.
  void* tensor(std::vector<float>& values, const std::vector<std::int64_t>& shape) const {
    constexpr int kFloat = 1;
    void* tensor = nullptr;
    call<kCreateTensorWithData>(memory_, values.data(), values.size() * sizeof(float), shape.data(), shape.size(),
                                kFloat, &tensor);
    return tensor;
  }

  void run(void* session, const std::vector<const char*>& input_names, const std::vector<void*>& inputs,
           const std::vector<const char*>& output_names, std::vector<void*>& outputs) const {
    call<kRun>(session, nullptr, input_names.data(), inputs.data(), inputs.size(), output_names.data(),
               output_names.size(), outputs.data());
  }

 private:
  enum Place {
    kGetErrorMessage = 2,
    kCreateEnv = 3,
    kCreateSession = 7,
    kRun = 9,
    kCreateSessionOptions = 10,
    kSetGraphOptimizationLevel = 23,
    kSetIntraOpNumThreads = 24,
    kSetInterOpNumThreads = 25,
    kCreateTensorWithData = 49,
    kCreateCpuMemoryInfo = 69
  };

  template <Place place, class... Arguments>
  void call(Arguments... arguments) const {
    using Function = void* (*)(Arguments...);
    void* status = reinterpret_cast<Function>(const_cast<void*>(table_[place]))(arguments...);
    if (status == nullptr) return;
    using Message = const char* (*)(void*);
    throw std::runtime_error(reinterpret_cast<Message>(const_cast<void*>(table_[kGetErrorMessage]))(status));
  }

  const void* const* table_ = nullptr;
  std::string version_;
  void *environment_ = nullptr, *options_ = nullptr, *memory_ = nullptr;
};
