// libtorch's fused steps over many tensors, which tch does not offer. Each takes what is at hand: gradients that backward left, so
// that nothing is added up or set to zero.

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/full.h>
#include <cstddef>
#include <exception>
#include <string>
#include <vector>

namespace {

using Tensors = std::vector<at::Tensor>;

// What went wrong, until the next call; null if nothing did.
template <typename F> const char *guarded(F work) {
    thread_local std::string reason;
    try {
        work();
        return nullptr;
    } catch (const std::exception &error) {
        reason = error.what();
        return reason.c_str();
    }
}

// Those of the leaves that have a gradient, from their places in each list.
struct Reached {
    Tensors leaves, gradients;
    std::vector<size_t> places;

    Reached(at::Tensor *const *all, size_t count) {
        for (size_t place = 0; place < count; ++place) {
            const at::Tensor &gradient = all[place]->grad();
            if (gradient.defined()) {
                leaves.push_back(*all[place]);
                gradients.push_back(gradient);
                places.push_back(place);
            }
        }
    }

    Tensors of(at::Tensor *const *all) const {
        Tensors some;
        for (const size_t place : places) some.push_back(*all[place]);
        return some;
    }
};

} // namespace

extern "C" const char *imgcalc_forget_gradients(at::Tensor *const *leaves, size_t count) {
    return guarded([&] {
        for (size_t place = 0; place < count; ++place) leaves[place]->mutable_grad().reset();
    });
}

extern "C" const char *imgcalc_sgd(at::Tensor *const *leaves, at::Tensor *const *momenta, size_t count,
                                   double weight_decay, double momentum, double learning_rate) {
    return guarded([&] {
        Reached reached(leaves, count);
        Tensors states = reached.of(momenta);
        at::_fused_sgd_(reached.leaves, reached.gradients, states, weight_decay, momentum, learning_rate,
                        /*dampening=*/0.0, /*nesterov=*/false, /*maximize=*/false, /*is_first_step=*/false);
    });
}

extern "C" const char *imgcalc_adamw(at::Tensor *const *leaves, at::Tensor *const *first,
                                     at::Tensor *const *second, size_t count, double number,
                                     double weight_decay, double first_decay, double second_decay,
                                     double epsilon, double learning_rate) {
    return guarded([&] {
        Reached reached(leaves, count);
        if (reached.leaves.empty()) return;
        Tensors firsts = reached.of(first), seconds = reached.of(second);
        const at::Tensor step = at::full({}, number, reached.leaves.front().options());
        const Tensors steps(reached.leaves.size(), step);
        at::_fused_adamw_(reached.leaves, reached.gradients, firsts, seconds, {}, steps, learning_rate,
                          first_decay, second_decay, weight_decay, epsilon, /*amsgrad=*/false,
                          /*maximize=*/false);
    });
}
