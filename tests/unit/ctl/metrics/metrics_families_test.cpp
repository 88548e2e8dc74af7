// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/metrics/metrics_families.h"

#include <gtest/gtest.h>
#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "ctl/metrics/metrics_list.h"
#include "support/control.h"

namespace shunt::ctl {
namespace {

/// What a scrape shows, by name with labels: `shunt_packets_total{direction="in"}`.
std::map<std::string, double> values_of(const std::vector<prometheus::MetricFamily>& families) {
    std::map<std::string, double> out;
    std::istringstream text(prometheus::TextSerializer().Serialize(families));
    for (std::string line; std::getline(text, line);) {
        if (line.empty() || line.front() == '#') continue;
        const auto space = line.rfind(' ');
        EXPECT_TRUE(out.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second)
            << line << " stands twice";
    }
    return out;
}

class MetricFamiliesTest : public ::testing::Test {
  protected:
    MetricFamiliesTest() {
        control.ports = {{.name = "wan0",
                          .device = "net_af_packet0,iface=\"a\\b\"",
                          .mac = *parse_mac("02:00:00:00:00:01"),
                          .mtu = 1500,
                          .link_up = true,
                          .steering = "one worker",
                          .id = PortId(0),
                          .received = 3,
                          .sent = 4,
                          .missed = 5,
                          .errors = 6}};
        control.defence.update();
        control.apps.add("ftp", std::nullopt);
        const ServiceKey web{.protocol = Protocol::tcp,
                             .endpoint = *parse_endpoint("192.0.2.10:80")};
        control.registry.add_service(web, {});
        control.registry.add_server(web, {.address = *parse_endpoint("10.1.0.11:8080")});
        control.registry.add_server(web,
                                    {.address = *parse_endpoint("10.1.0.12:8080"), .weight = 0});
        control.registry.force_health(web, *parse_endpoint("10.1.0.11:8080"), Forced::up);
        ServiceKey marked;
        marked.protocol = Protocol::none;
        marked.endpoint.address = Ipv6Address{};
        marked.mark = Mark(7);
        control.registry.add_service(marked, {});
    }
    MetricsSample sample() { return take_metrics_sample(context()); }
    MethodContext context() {
        return {.registry = control.registry,
                .publisher = control.publisher,
                .marks = control.marks,
                .apps = control.apps,
                .app_counters = source.app_counters,
                .expectations = nullptr,
                .lister = control.lister,
                .busy = control.busy,
                .workers = source.workers,
                .worker_cpus = {},
                .ports = [this] { return control.ports; },
                .connections_capacity = 4096,
                .defence = control.defence,
                .shared = control.shared,
                .config = control.config,
                .events = control.events,
                .version = "1.2.3",
                .started = {}};
    }
    std::map<std::string, double> values() {
        const auto taken = sample();
        return values_of(metric_families(source, &taken));
    }

    test::Control control;
    MetricsSource source{.version = "1.2.3",
                         .start_time = 1'700'000'000.25,
                         .connections_capacity = 4096,
                         .tsc_hz = 1000,
                         .workers = {&control.counters[0], &control.counters[1]},
                         .app_counters = {&control.app_counters[0], &control.app_counters[1]}};
};

TEST_F(MetricFamiliesTest, AreThoseOfTheListWithItsLabelsAndNoOther) {
    auto taken = sample();
    taken.check_times = {{std::chrono::milliseconds(5)}};
    const auto families = metric_families(source, &taken);
    ASSERT_EQ(families.size(), metric_list.size());
    for (std::size_t i = 0; i < metric_list.size(); ++i) {
        const auto& about = metric_list[i];
        EXPECT_EQ(families[i].name, about.name);
        EXPECT_EQ(families[i].help, about.text);
        EXPECT_FALSE(families[i].metric.empty()) << about.name << " has no value";
        for (const auto& metric : families[i].metric) {
            std::string labels;
            for (const auto& label : metric.label) {
                labels += (labels.empty() ? "" : ", ") + label.name;
                EXPECT_TRUE(prometheus::CheckLabelName(label.name)) << label.name;
            }
            EXPECT_EQ(labels, about.labels) << about.name;
        }
    }
}

TEST_F(MetricFamiliesTest, AreNamedAsPrometheusAsks) {
    std::set<std::string_view> seen;
    for (const auto& about : metric_list) {
        EXPECT_TRUE(seen.insert(about.name).second) << about.name;
        EXPECT_TRUE(prometheus::CheckMetricName(std::string(about.name))) << about.name;
        EXPECT_EQ(about.name.ends_with("_total"), about.kind == MetricKind::counter) << about.name;
        EXPECT_EQ(about.text.find_first_of("\n|\\"), std::string_view::npos) << about.name;
    }
}

TEST_F(MetricFamiliesTest, ShowWhatWorkersCounted) {
    control.counters[1].received.add(10);
    control.counters[1].taken_over.add(2);
    control.counters[1].forwarded.add(7);
    control.counters[0].drop(DropReason::no_route, 3);
    control.counters[1].drop(DropReason::no_route, 4);
    control.counters[1].drop(DropReason::too_big);
    control.counters[1].busy_cycles.add(1500);
    control.counters[0].evicted_half_open.add(8);
    control.app_counters[0].kept.add(2);
    control.app_counters[1].kept.add(3);
    control.app_counters[1].ftp[0].add(9);
    auto v = values();
    EXPECT_EQ(v.at(R"(shunt_worker_entered_packets_total{worker="1",way="received"})"), 10);
    EXPECT_EQ(v.at(R"(shunt_worker_entered_packets_total{worker="1",way="taken_over"})"), 2);
    EXPECT_EQ(v.at(R"(shunt_worker_finished_packets_total{worker="1",verdict="forwarded"})"), 7);
    EXPECT_EQ(v.at(R"(shunt_worker_finished_packets_total{worker="1",verdict="dropped"})"), 5);
    EXPECT_EQ(v.at(R"(shunt_dropped_packets_total{reason="no_route"})"), 7);
    EXPECT_EQ(v.at(R"(shunt_dropped_packets_total{reason="shutdown"})"), 0);
    EXPECT_EQ(v.at(R"(shunt_worker_busy_seconds_total{worker="1"})"), 1.5);
    EXPECT_EQ(v.at(R"(shunt_worker_evicted_half_open_total{worker="0"})"), 8);
    EXPECT_EQ(v.at(R"(shunt_app_events_total{event="kept"})"), 5);
    EXPECT_EQ(v.at(R"(shunt_app_events_total{event="active"})"), 9);
}

TEST_F(MetricFamiliesTest, ShowServicesAndServersAsTheRegistryHasThem) {
    DestCounters& first = control.dests[1][0];
    first.connections.add(3);
    first.packets_in.add(100);
    first.bytes_out.add(std::uint64_t{1} << 52);
    first.total.add(5);
    first.active.add(2);
    control.dests[0][1].packets_in.add(11);
    auto v = values();
    const std::string web = R"({service="tcp 192.0.2.10:80")";
    const std::string server = web + R"(,server="10.1.0.11:8080")";
    EXPECT_EQ(v.at("shunt_server_connections" + server + R"(,state="active"})"), 2);
    EXPECT_EQ(v.at("shunt_server_connections" + server + R"(,state="inactive"})"), 3);
    EXPECT_EQ(v.at("shunt_server_weight" + server + "}"), 1);
    EXPECT_EQ(v.at("shunt_server_scheduled_connections_total" + server + "}"), 3);
    EXPECT_EQ(v.at("shunt_server_packets_total" + server + R"(,direction="in"})"), 100);
    EXPECT_EQ(v.at("shunt_server_bytes_total" + server + R"(,direction="out"})"),
              static_cast<double>(std::uint64_t{1} << 52));
    EXPECT_EQ(v.at("shunt_service_packets_total" + web + R"(,direction="in"})"), 111);
    EXPECT_EQ(v.at("shunt_service_connections" + web + R"(,state="active"})"), 2);
    EXPECT_EQ(v.at("shunt_service_servers" + web + R"(,usable="yes"})"), 1);
    EXPECT_EQ(v.at("shunt_service_servers" + web + R"(,usable="no"})"), 1);
    EXPECT_EQ(v.at(R"(shunt_service_connections{service="mark 7 ipv6",state="active"})"), 0);
    EXPECT_EQ(v.at("shunt_services"), 2);
    EXPECT_EQ(v.at(R"(shunt_packets_total{direction="in"})"), 111);
    EXPECT_EQ(v.at(R"(shunt_worker_connections{worker="1"})"), 5);
}

TEST_F(MetricFamiliesTest, ShowChecksAndWhatTheyFoundOut) {
    const Endpoint first = *parse_endpoint("10.1.0.11:8080");
    const ServiceKey web{.protocol = Protocol::tcp, .endpoint = *parse_endpoint("192.0.2.10:80")};
    const std::string server = R"({service="tcp 192.0.2.10:80",server="10.1.0.11:8080"})";
    const std::string other = R"({service="tcp 192.0.2.10:80",server="10.1.0.12:8080"})";
    auto taken = sample();
    taken.checks = {.ends = {7, 6, 5, 4},
                    .took = std::chrono::milliseconds(1500),
                    .servers = 3,
                    .running = 2,
                    .waiting = 1};
    // Newest first; the older one has not been checked yet.
    taken.check_times = {{std::chrono::milliseconds(250), {}}};
    auto v = values_of(metric_families(source, &taken));
    EXPECT_EQ(v.at("shunt_server_up" + server), 1);
    EXPECT_FALSE(v.contains("shunt_server_up" + other)) << "nobody looks at it";
    EXPECT_EQ(v.at("shunt_server_check_seconds" + other), 0.25);
    EXPECT_FALSE(v.contains("shunt_server_check_seconds" + server));
    EXPECT_EQ(v.at(R"(shunt_health_checks_total{end="passed"})"), 7);
    EXPECT_EQ(v.at(R"(shunt_health_checks_total{end="failed"})"), 6);
    EXPECT_EQ(v.at(R"(shunt_health_checks_total{end="timed_out"})"), 5);
    EXPECT_EQ(v.at(R"(shunt_health_checks_total{end="not_made"})"), 4);
    EXPECT_EQ(v.at("shunt_health_check_seconds_total"), 1.5);
    EXPECT_EQ(v.at("shunt_health_servers"), 3);
    EXPECT_EQ(v.at("shunt_health_checks_running"), 2);
    EXPECT_EQ(v.at("shunt_health_checks_waiting"), 1);
    control.registry.force_health(web, first, Forced::down);
    v = values();
    EXPECT_EQ(v.at("shunt_server_up" + server), 0);
    EXPECT_EQ(v.at("shunt_server_weight" + server), 0) << "what is in force";
    EXPECT_EQ(v.at(R"(shunt_service_servers{service="tcp 192.0.2.10:80",usable="yes"})"), 0);
}

TEST_F(MetricFamiliesTest, ShowPortsRoomAndDefence) {
    Tunables tunables;
    tunables.drop_entry = 3;
    control.publisher.set_tunables(tunables);
    auto v = values();
    EXPECT_EQ(v.at(R"(shunt_port_missed_packets_total{port="wan0"})"), 5);
    EXPECT_EQ(v.at(R"(shunt_port_up{port="wan0"})"), 1);
    EXPECT_EQ(v.at(R"(shunt_room_bytes{of="buffers"})"), 2000 * 4096);
    EXPECT_EQ(v.at(R"(shunt_defence_level{tunable="drop_entry"})"), 3);
    EXPECT_EQ(v.at(R"(shunt_defence_level{tunable="secure_tcp"})"), 0);
    EXPECT_EQ(v.at(R"(shunt_app_connections{app="ftp",port="21"})"), 0);
    EXPECT_EQ(v.at(R"(shunt_build_info{version="1.2.3"})"), 1);
    EXPECT_EQ(v.at("shunt_start_time_seconds"), 1'700'000'000.25);
}

TEST_F(MetricFamiliesTest, LabelValuesAreEscaped) {
    EXPECT_TRUE(
        values().contains(R"(shunt_port_info{port="wan0",device="net_af_packet0,iface=\"a\\b\"",)"
                          R"(mac="02:00:00:00:00:01",steering="one worker"})"));
}

TEST_F(MetricFamiliesTest, WithoutTheControlThreadShowWhatWorkersCountAlone) {
    control.counters[0].received.add(10);
    auto v = values_of(metric_families(source, nullptr));
    EXPECT_EQ(v.at("shunt_control_up"), 0);
    EXPECT_EQ(v.at(R"(shunt_worker_entered_packets_total{worker="0",way="received"})"), 10);
    EXPECT_FALSE(v.contains("shunt_services"));
    EXPECT_EQ(values().at("shunt_control_up"), 1);
}

TEST_F(MetricFamiliesTest, ServersCanBeLeftOut) {
    control.dests[0][0].packets_in.add(100);
    source.servers = false;
    auto v = values();
    for (const auto& [name, value] : v) EXPECT_FALSE(name.starts_with("shunt_server_")) << name;
    EXPECT_EQ(v.at(R"(shunt_service_packets_total{service="tcp 192.0.2.10:80",direction="in"})"),
              100);
    EXPECT_EQ(v.at(R"(shunt_service_servers{service="tcp 192.0.2.10:80",usable="yes"})"), 1);
}

std::string read_file(const std::string& path) {
    std::ifstream in(SHUNT_SOURCE_DIR "/" + path);
    EXPECT_TRUE(in) << path;
    return {std::istreambuf_iterator<char>(in), {}};
}

/// The metrics that a text asks Prometheus for.
std::set<std::string> asked_for(const std::string& text) {
    static const std::regex name(R"(\bshunt_\w+)");
    return {std::sregex_token_iterator(text.begin(), text.end(), name), {}};
}

void expect_known(const std::set<std::string>& names, std::size_t at_least) {
    EXPECT_GE(names.size(), at_least);
    for (const auto& name : names)
        EXPECT_NE(std::ranges::find(metric_list, std::string_view(name), &MetricAbout::name),
                  metric_list.end())
            << name;
}

TEST(MetricsAlerts, AskForMetricsThatThereAre) {
    expect_known(asked_for(read_file("conf/prometheus/alerts.yml")), 10);
}

TEST(MetricsAlerts, NameReasonsThatThereAre) {
    const std::string text = read_file("conf/prometheus/alerts.yml");
    static const std::regex choice("reason=~\"([^\"]*)\"");
    std::set<std::string> reasons;
    for (std::sregex_iterator i(text.begin(), text.end(), choice), end; i != end; ++i) {
        std::istringstream words((*i)[1].str());
        for (std::string word; std::getline(words, word, '|');) reasons.insert(word);
    }
    EXPECT_GE(reasons.size(), 8U);
    for (const auto& reason : reasons)
        EXPECT_NE(
            std::ranges::find(drop_reason_texts, std::string_view(reason), &DropReasonText::name),
            drop_reason_texts.end())
            << reason;
}

TEST(MetricsDashboard, AsksForMetricsThatThereAre) {
    const auto dashboard = boost::json::parse(read_file("conf/grafana/shunt.json"));
    std::set<std::string> names;
    std::size_t panels = 0;
    for (const auto& panel : dashboard.at("panels").as_array()) {
        if (panel.at("type") == "row") continue;
        ++panels;
        for (const auto& target : panel.at("targets").as_array()) {
            const auto found = asked_for(std::string(target.at("expr").as_string()));
            EXPECT_FALSE(found.empty()) << target;
            names.insert(found.begin(), found.end());
        }
    }
    EXPECT_GE(panels, 15U);
    expect_known(names, 20);
}

/// The page must hold exactly the rows that the list makes, in its order.
TEST(MetricsPage, HasTheTableOfThisList) {
    std::string expected;
    for (const auto& about : metric_list)
        expected += "| `" + std::string(about.name) + "` | " +
                    (about.kind == MetricKind::counter ? "counter" : "gauge") + " | " +
                    std::string(about.labels) + " | " + std::string(about.text) + " |\n";
    std::istringstream page(read_file("docs/metrics.md"));
    std::string found;
    for (std::string line; std::getline(page, line);)
        if (line.starts_with("| `shunt_")) found += line + '\n';
    EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace shunt::ctl
