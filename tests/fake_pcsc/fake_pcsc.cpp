// The control interface, without the part for the other program.
#include "fake_pcsc.hpp"

#include "client.hpp"

#include <algorithm>
#include <numeric>

namespace jpki::fake {

using namespace detail;

namespace {

// Calls `f(service)` or `f(service, reader)` with the mutex held.
template <class F> auto with_service(F&& f) {
    Service& service = Service::instance();
    const Lock lock(service.mutex);
    return f(service);
}

template <class F> auto with_reader(const std::string& name, F&& f) {
    return with_service([&](Service& service) { return f(service, *service.need(name)); });
}

}  // namespace

void reset_everything() {
    with_service([](Service& s) {
        s.stop();
        for (ReaderPtr& reader : s.readers) {
            if (reader) reader->plugged = false;
            reader = nullptr;
        }
        for (auto& failures : s.failures) failures.clear();
        s.readers_max = PCSCLITE_MAX_READERS_CONTEXTS;
        s.call_counts.fill(0);
        s.transmit_hook = nullptr;
        s.wait_hook = nullptr;
        s.hurry = 1;
        s.checks_names = true;
        s.control_overstated = 0;
        s.call_hook = nullptr;
        s.answer_hook = nullptr;
        s.start();
    });
    Client::instance().forget_everything();
}

void add_reader(const std::string& reader, Card card) {
    with_service([&](Service& s) { s.plug(reader, std::move(card)); });
}

void allow_readers(std::size_t count) {
    with_service([&](Service& s) { s.readers_max = std::min(count, places); });
}

void check_no_names() {
    with_service([](Service& s) { s.checks_names = false; });
}

void overstate_control(std::size_t by) {
    with_service([&](Service& s) { s.control_overstated = by; });
}

void remove_reader(const std::string& reader) {
    with_service([&](Service& s) { s.unplug(s.need(reader)); });
}

void insert_card(const std::string& reader, Card card) {
    with_reader(reader, [&](Service& s, Reader& r) { s.insert(r, std::move(card), false); });
}

void insert_mute_card(const std::string& reader) {
    with_reader(reader, [](Service& s, Reader& r) { s.insert(r, {}, true); });
}

void remove_card(const std::string& reader) {
    with_reader(reader, [](Service& s, Reader& r) { s.remove(r); });
}

void swap_card(const std::string& reader, Card card) {
    with_reader(reader, [&](Service& s, Reader& r) {
        s.remove(r);
        s.insert(r, std::move(card), false);
    });
}

void swap_unnoticed(const std::string& reader, Card card) {
    with_reader(reader, [&](Service& s, Reader& r) {
        if (!r.card || !card) throw std::logic_error("fake PC/SC: nothing to swap in " + r.name);
        r.card->power_off();
        r.card = std::move(card);
        r.card->power_off();
        if (r.powered) r.card->power_on();
        for (auto& [id, handle] : r.handles) handle.dead_connection = true;
        s.note_change();
    });
}

void power_down_idle(const std::string& reader) {
    with_reader(reader, [](Service&, Reader& r) {
        if (r.contexts != 0 || !r.card) return;
        r.card->power_off();
        r.powered = false;
        r.protocol = SCARD_PROTOCOL_UNDEFINED;
        // pcscd still publishes the state "powered".
    });
}

void stop_service() {
    with_service([](Service& s) { s.stop(); });
}

void start_service() {
    with_service([](Service& s) { s.start(); });
}

void fail(Function function, LONG code, std::size_t times, std::size_t pass) {
    if (times == 0) return;
    with_service([&](Service& s) { s.failures[index(function)].push_back({pass, times, code}); });
}

void inject(const std::string& reader, model::Fault fault) {
    with_reader(reader, [&](Service&, Reader& r) {
        if (!r.card) throw std::logic_error("fake PC/SC: no card in " + r.name);
        const bool reset = fault.kind == model::Fault::Kind::reset;
        r.reset_at = reset ? std::optional(fault.at) : std::nullopt;
        r.card->inject(reset ? model::Fault{} : fault);
    });
}

void removal_answers(const std::string& reader, LONG code) {
    with_reader(reader, [&](Service&, Reader& r) { r.removal_answer = code; });
}

void hurry_waits(unsigned times) {
    with_service([&](Service& s) { s.hurry = times; });
}

void delay_commands(const std::string& reader, std::chrono::milliseconds delay) {
    with_reader(reader, [&](Service&, Reader& r) { r.delay = delay; });
}

void on_transmit(std::function<void(const std::string&, ByteView)> hook) {
    with_service([&](Service& s) { s.transmit_hook = std::move(hook); });
}

void on_wait(std::function<void()> hook) {
    with_service([&](Service& s) { s.wait_hook = std::move(hook); });
}

void on_call(std::function<void(Function)> hook) {
    with_service([&](Service& s) { s.call_hook = std::move(hook); });
}

void on_answer(std::function<std::optional<Bytes>(const std::string&, ByteView)> hook) {
    with_service([&](Service& s) { s.answer_hook = std::move(hook); });
}

std::size_t calls(Function function) {
    return with_service([&](Service& s) { return s.call_counts[index(function)]; });
}

std::size_t calls() {
    return with_service([](Service& s) { return std::accumulate(s.call_counts.begin(), s.call_counts.end(), std::size_t{0}); });
}

void reset_calls() {
    with_service([](Service& s) { s.call_counts.fill(0); });
}

Open open_now() {
    Open open;
    std::tie(open.contexts, open.handles) = Client::instance().open();
    with_service([&](Service& s) {
        for (const ReaderPtr& reader : s.readers) {
            if (!reader || reader->lock_handle == 0) continue;
            const auto holder = reader->handles.find(reader->lock_handle);
            if (holder == reader->handles.end() || holder->second.other) continue;
            open.transactions += static_cast<std::size_t>(reader->lock_count - (reader->exclusive() ? 1 : 0));
        }
    });
    return open;
}

std::size_t events(const std::string& reader) {
    return with_reader(reader, [](Service& s, Reader& r) { return std::size_t{s.counters[s.place_of(r)]}; });
}

bool wait_until_blocked(Function function, std::size_t n, std::chrono::milliseconds patience) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    return service.changed.wait_for(lock, patience, [&] { return service.blocked[index(function)] >= n; });
}

void give_pad(const std::string& reader, PinPad pad) {
    with_reader(reader, [&](Service&, Reader& r) { r.pad = std::move(pad); });
}

void take_pad(const std::string& reader) {
    with_reader(reader, [](Service&, Reader& r) { r.pad.reset(); });
}

void user_will(const std::string& reader, PinEntry entry) {
    with_reader(reader, [&](Service&, Reader& r) { r.entries.push_back(std::move(entry)); });
}

std::vector<PinPadRequest> pad_requests(const std::string& reader) {
    return with_reader(reader, [](Service&, Reader& r) { return r.requests; });
}

}  // namespace jpki::fake
