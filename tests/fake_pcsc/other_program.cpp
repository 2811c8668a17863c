// Another program with the same readers: the same service functions, through its own session.
#include "service.hpp"

#include <cstdio>

namespace jpki::fake {

using namespace detail;

namespace {

std::string text_of(LONG rc) {
    char text[64];
    std::snprintf(text, sizeof text, "the other program got 0x%08lX", static_cast<unsigned long>(rc) & 0xFFFFFFFFUL);
    return text;
}

SCARDHANDLE handle_of_other(const Reader& reader) {
    for (const auto& [id, handle] : reader.handles)
        if (handle.other) return id;
    return 0;
}

bool free_for_other(const Reader& reader) { return reader.lock_handle == 0 || reader.lock_handle == handle_of_other(reader); }

bool wait_until_free(Service& service, Lock& lock, const ReaderPtr& reader, Patience patience) {
    service.changed.wait_for(lock, patience, [&] { return free_for_other(*reader) || !reader->plugged; });
    return free_for_other(*reader) && reader->plugged;
}

// A shared connection without an event. The reader must be free. 0 and the code if there is no connection.
LONG shared_handle(Service& service, Lock& lock, const ReaderPtr& reader, SCARDHANDLE& handle, DWORD& protocol) {
    handle = handle_of_other(*reader);
    protocol = reader->protocol;
    constexpr DWORD any = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;
    if (handle == 0) return service.connect(lock, *service.other, reader->name, SCARD_SHARE_SHARED, any, handle, protocol);
    if (event_code(*reader, handle) == SCARD_S_SUCCESS && protocol != SCARD_PROTOCOL_UNDEFINED) return SCARD_S_SUCCESS;
    return service.reconnect(*service.other, handle, reader->exclusive() ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED, any,
                             SCARD_LEAVE_CARD, protocol);
}

}  // namespace

OtherFailed::OtherFailed(LONG rc) : std::runtime_error(text_of(rc)), code(rc) {}

bool other_begins_transaction(const std::string& name, Patience patience) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const ReaderPtr reader = service.need(name);
    if (!wait_until_free(service, lock, reader, patience)) return false;
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    return shared_handle(service, lock, reader, handle, protocol) == SCARD_S_SUCCESS &&
           service.begin(*service.other, handle) == SCARD_S_SUCCESS;
}

void other_ends_transaction(const std::string& name, DWORD disposition) {
    Service& service = Service::instance();
    const Lock lock(service.mutex);
    const ReaderPtr reader = service.need(name);
    if (const SCARDHANDLE handle = handle_of_other(*reader)) service.end(*service.other, handle, disposition);
}

void other_is_killed_in_transaction(const std::string& name) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const ReaderPtr reader = service.need(name);
    const SCARDHANDLE handle = handle_of_other(*reader);
    if (handle == 0 || reader->lock_handle != handle) throw std::logic_error("fake PC/SC: the other program has no transaction");
    service.disconnect(lock, *service.other, handle, SCARD_LEAVE_CARD);
    service.set_event(*reader, Handle::Event::reset);
    reader->resets_late = true;
    service.note_change();
}

bool other_opens_exclusively(const std::string& name) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const ReaderPtr reader = service.need(name);
    // Checked first, because the connection would wait.
    if (reader->lock_handle != 0) return false;
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    return service.connect(lock, *service.other, name, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, handle,
                           protocol) == SCARD_S_SUCCESS;
}

void other_closes(const std::string& name, DWORD disposition) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const ReaderPtr reader = service.need(name);
    const SCARDHANDLE handle = handle_of_other(*reader);
    if (handle == 0) return;
    if (!free_for_other(*reader) && disposition != SCARD_LEAVE_CARD)
        throw std::logic_error("fake PC/SC: the other program would wait for our transaction");
    service.disconnect(lock, *service.other, handle, disposition);
}

bool other_resets(const std::string& name, DWORD how, Patience patience) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const ReaderPtr reader = service.need(name);
    if (!wait_until_free(service, lock, reader, patience)) return false;
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    if (shared_handle(service, lock, reader, handle, protocol) != SCARD_S_SUCCESS) return false;
    return service.reconnect(*service.other, handle, reader->exclusive() ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED,
                             SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, how, protocol) == SCARD_S_SUCCESS;
}

Bytes other_transmit(const std::string& name, ByteView apdu, Patience patience) {
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const ReaderPtr reader = service.need(name);
    if (!wait_until_free(service, lock, reader, patience)) throw OtherFailed(SCARD_E_SHARING_VIOLATION);
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    if (const LONG rc = shared_handle(service, lock, reader, handle, protocol); rc != SCARD_S_SUCCESS) throw OtherFailed(rc);
    Bytes answer;
    const auto session = service.other;  // start_service() may replace it during a command
    if (const LONG rc = service.transmit(lock, *session, handle, protocol, apdu, answer); rc != SCARD_S_SUCCESS)
        throw OtherFailed(rc);
    return answer;
}

}  // namespace jpki::fake
