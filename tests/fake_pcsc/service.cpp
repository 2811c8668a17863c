#include "service.hpp"

#include <algorithm>

namespace jpki::fake::detail {

Service& Service::instance() {
    static Service& service = *new Service;
    return service;
}

void Service::note_change() {
    ++changes;
    changed.notify_all();
}

void Service::wait_change(Lock& lock, Function function, std::uint64_t seen, const Session& session) {
    ++blocked[index(function)];
    changed.notify_all();  // for wait_until_blocked
    changed.wait(lock, [&] { return changes != seen || !session.alive; });
    --blocked[index(function)];
}

void Service::start() {
    if (running) return;
    running = true;
    other = std::make_shared<Session>();
    counters.fill(0);
    for (const ReaderPtr& reader : readers)
        if (reader) start_reader(*reader);
    note_change();
}

void Service::stop() {
    if (!running) return;
    running = false;
    for (const auto& session : sessions) session->alive = false;
    sessions.clear();
    other->alive = false;
    for (const ReaderPtr& reader : readers)
        if (reader) stop_reader(*reader);
    note_change();
}

std::shared_ptr<Session> Service::establish() {
    auto session = std::make_shared<Session>();
    sessions.push_back(session);
    return session;
}

LONG Service::release(Session& session) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    for (const SCARDHANDLE handle : std::exchange(session.handles, {})) {
        const ReaderPtr reader = reader_of(handle);
        if (!reader) continue;
        // The end of a context in a transaction resets the card.
        const bool resets = reader->lock_handle == handle && event_code(*reader, handle) == SCARD_S_SUCCESS;
        if (reader->lock_handle == handle) {
            reader->lock_handle = 0;
            reader->lock_count = 0;
        }
        if (resets) {
            set_event(*reader, Handle::Event::reset);
            power_cycle(*reader, SCARD_RESET_CARD);
        }
        reader->handles.erase(handle);
        if (reader->exclusive()) reader->contexts = 0;
        else if (reader->contexts > 0) --reader->contexts;
    }
    session.alive = false;
    std::erase_if(sessions, [&](const auto& s) { return s.get() == &session; });
    note_change();
    return SCARD_S_SUCCESS;
}

ReaderPtr Service::find(const std::string& name) const {
    for (const ReaderPtr& reader : readers)
        if (reader && reader->name == name) return reader;
    return nullptr;
}

ReaderPtr Service::need(const std::string& name) const {
    ReaderPtr reader = find(name);
    if (!reader) throw std::logic_error("fake PC/SC: no reader " + name);
    return reader;
}

std::size_t Service::place_of(const Reader& wanted) const {
    for (std::size_t i = 0; i < places; ++i)
        if (readers[i].get() == &wanted) return i;
    throw std::logic_error("fake PC/SC: reader was unplugged");
}

void Service::plug(const std::string& name, Card card) {
    if (find(name)) throw std::logic_error("fake PC/SC: a second reader " + name);
    const auto end = readers.begin() + static_cast<std::ptrdiff_t>(readers_max);
    const auto place = std::find(readers.begin(), end, nullptr);
    if (place == end) throw std::logic_error("fake PC/SC: too many readers");
    *place = std::make_shared<Reader>();
    (*place)->name = name;
    (*place)->card = std::move(card);
    if (running) start_reader(**place);
    note_change();
}

void Service::unplug(const ReaderPtr& reader) {
    stop_reader(*reader);
    reader->plugged = false;
    reader->card.reset();
    reader->mute = false;
    ++reader->insertion;
    readers[place_of(*reader)] = nullptr;
    note_change();
}

ReaderPtr Service::reader_of(SCARDHANDLE handle) const {
    for (const ReaderPtr& reader : readers)
        if (reader && reader->handles.contains(handle)) return reader;
    return nullptr;
}

LONG event_code(const Reader& reader, SCARDHANDLE handle) {
    const auto found = reader.handles.find(handle);
    if (found == reader.handles.end()) return SCARD_E_INVALID_HANDLE;
    switch (found->second.event) {
    case Handle::Event::reset: return SCARD_W_RESET_CARD;
    case Handle::Event::removed: return SCARD_W_REMOVED_CARD;
    case Handle::Event::none: break;
    }
    return SCARD_S_SUCCESS;
}

LONG unlock(Reader& reader, SCARDHANDLE handle) {
    if (locked_for(reader, handle)) return SCARD_E_SHARING_VIOLATION;
    // An exclusive connection is a lock until its disconnection.
    if (reader.lock_count <= (reader.exclusive() ? 1 : 0)) return SCARD_E_NOT_TRANSACTED;
    if (--reader.lock_count == 0) reader.lock_handle = 0;
    return SCARD_S_SUCCESS;
}

}  // namespace jpki::fake::detail
