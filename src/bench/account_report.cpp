// SPDX-License-Identifier: BSD-3-Clause
#include "bench/account_report.h"

#include "bench/report_parts.h"

namespace shunt::bench {

Account middle_account(const Results& results) {
    Account middle;
    for (std::size_t p = 0; p < Account::part_count; ++p)
        middle.cycles[p] =
            median_of(results.runs, [p](const Run& r) { return r.account.cycles[p]; });
    middle.straight_share =
        median_of(results.runs, [](const Run& r) { return r.account.straight_share; });
    middle.stamp_cycles =
        median_of(results.runs, [](const Run& r) { return r.account.stamp_cycles; });
    return middle;
}

boost::json::object account_object(const Results& results, double whole) {
    const Account account = middle_account(results);
    boost::json::object parts;
    for (std::size_t p = 0; p < Account::part_count; ++p)
        parts[Account::names[p]] = boost::json::object{
            {"cycles", rounded(account.cycles[p])},
            {"share", rounded(account.cycles[p] / account.sum())},
        };
    return {{"parts", std::move(parts)},
            {"sum_cycles", rounded(account.sum())},
            {"whole_cycles", rounded(whole)},
            {"stamp_cycles", rounded(account.stamp_cycles)},
            {"straight_share", rounded(account.straight_share)}};
}

std::string account_lines(const Results& results, double whole) {
    const Account account = middle_account(results);
    std::string lines =
        fmt::format("{:<26} {:>9} {:>7}\n", "cycles a packet, by stage", "cycles", "share");
    for (std::size_t p = 0; p < Account::part_count; ++p)
        lines += fmt::format("{:<26} {:>9.1f} {:>6.1f}%\n", Account::titles[p], account.cycles[p],
                             100 * account.cycles[p] / account.sum());
    return lines +
           fmt::format(
               "{:<26} {:>9.1f}\n{:<26} {:>9.1f} {:>+6.1f}%\n"
               "{:.0f} % of the packets go the straight way; {:.1f} cycles for taking the time are "
               "not in these\n",
               "sum", account.sum(), "whole, time not taken", whole,
               100 * (whole / account.sum() - 1), 100 * account.straight_share,
               account.stamp_cycles);
}

}  // namespace shunt::bench
