// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Benchmarks of every forwarding method:
// INSTANTIATE_TEST_SUITE_P(Methods, SomeTest, ::testing::ValuesIn(every_method), method_name);
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "bench/method.h"

namespace shunt::bench {

inline constexpr std::array every_method{Method{}, Method{.forward = ForwardMethod::direct},
                                         Method{ForwardMethod::tunnel, TunnelType::ipip},
                                         Method{ForwardMethod::tunnel, TunnelType::gre},
                                         Method{ForwardMethod::tunnel, TunnelType::gue}};

inline std::string method_name(const ::testing::TestParamInfo<Method>& info) {
    return std::string(to_string(info.param.forward)) + "_" +
           std::string(to_string(info.param.tunnel));
}

}  // namespace shunt::bench
