// What libtorch knows and tch does not offer.

#include <dlfcn.h>
#include <string>
#include <torch/headeronly/version.h>

namespace at {
std::string get_cpu_capability(); // declared so rather than included: ATen's headers take seconds to compile
}

extern "C" const char *imgcalc_torch_version() { return TORCH_VERSION; }

extern "C" const char *imgcalc_cpu_capability() {
    static const std::string capability = at::get_cpu_capability();
    return capability.c_str();
}

extern "C" int imgcalc_load_cuda() { return dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr; }
