// What libtorch knows and tch does not offer.

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <cstddef>
#include <dlfcn.h>
#include <string>
#include <torch/headeronly/version.h>

namespace at {
std::string get_cpu_capability(); // in a header that takes long to compile
}

extern "C" const char *imgcalc_torch_version() { return TORCH_VERSION; }

extern "C" const char *imgcalc_cpu_capability() {
    static const std::string capability = at::get_cpu_capability();
    return capability.c_str();
}

extern "C" int imgcalc_load_cuda() { return dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr; }

// From now on, until it is left as often as entered, convolutions and linear layers compute in bfloat16.
extern "C" void imgcalc_autocast_enter(int cuda) {
    const auto device = cuda ? at::kCUDA : at::kCPU;
    at::autocast::increment_nesting();
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
    at::autocast::set_autocast_enabled(device, true);
}

extern "C" void imgcalc_autocast_leave(int cuda) {
    if (at::autocast::decrement_nesting() == 0) {
        at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(cuda ? at::kCUDA : at::kCPU, false);
    }
}

extern "C" void imgcalc_set_deterministic(int on) {
    at::globalContext().setDeterministicAlgorithms(on != 0, false);
    at::globalContext().setBenchmarkCuDNN(on == 0);
}

// Free and all bytes of the present GPU; 0 if there is none. CUDA is found at run time, so nothing links to it.
extern "C" int imgcalc_device_memory(size_t *free_bytes, size_t *all_bytes) {
    using MemGetInfo = int (*)(size_t *, size_t *);
    const auto get = reinterpret_cast<MemGetInfo>(dlsym(RTLD_DEFAULT, "cudaMemGetInfo"));
    return get != nullptr && get(free_bytes, all_bytes) == 0;
}

// Gives back to the driver what libtorch keeps of freed tensors of the GPU; 0 if it could not.
extern "C" int imgcalc_free_unused() {
    try {
        c10::getDeviceAllocator(c10::kCUDA)->emptyCache();
        return 1;
    } catch (...) {
        return 0;
    }
}
