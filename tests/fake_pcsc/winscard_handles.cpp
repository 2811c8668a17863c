// SCard*: connections, transactions, commands.
#include "client.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace jpki::fake::detail;
using jpki::fake::Bytes;
using jpki::fake::ByteView;
using jpki::fake::Function;

namespace {

// The two-call convention of SCardStatus. A buffer may be missing; `size` receives the length.
LONG hand_out(const void* from, std::size_t length, void* to, DWORD room, LPDWORD size) {
    *size = length;
    if (room == SCARD_AUTOALLOCATE) {
        if (!to) return SCARD_E_INVALID_PARAMETER;
        void* buffer = std::malloc(std::max<std::size_t>(length, 1));
        if (!buffer) return SCARD_E_NO_MEMORY;
        if (length > 0) std::memcpy(buffer, from, length);
        std::memcpy(to, &buffer, sizeof buffer);
        return SCARD_S_SUCCESS;
    }
    if (!to) return SCARD_S_SUCCESS;
    if (length > 0) std::memcpy(to, from, std::min<std::size_t>(length, room));
    return length > room ? SCARD_E_INSUFFICIENT_BUFFER : SCARD_S_SUCCESS;
}

}  // namespace

extern "C" {

LONG SCardConnect(SCARDCONTEXT context, LPCSTR name, DWORD share, DWORD protocols, LPSCARDHANDLE handle, LPDWORD protocol) {
    if (const auto rc = enter(Function::connect)) return *rc;
    if (!handle || !protocol) return SCARD_E_INVALID_PARAMETER;
    *handle = 0;
    if (!name) return SCARD_E_UNKNOWN_READER;
    if (std::strlen(name) > MAX_READERNAME) return SCARD_E_INVALID_VALUE;
    const Held held = Client::instance().hold(context);
    if (!held) return SCARD_E_INVALID_HANDLE;
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const LONG rc = service.connect(lock, held.session(), name, share, protocols, *handle, *protocol);
    if (rc == SCARD_S_SUCCESS) Client::instance().add_handle(*held.context, *handle, name);
    return rc;
}

LONG SCardReconnect(SCARDHANDLE handle, DWORD share, DWORD protocols, DWORD initialization, LPDWORD protocol) {
    if (const auto rc = enter(Function::reconnect)) return *rc;
    if (!protocol) return SCARD_E_INVALID_PARAMETER;
    return retry_while_shared(Function::reconnect, handle, [&](Lock&, const Held& held) {
        return Service::instance().reconnect(held.session(), handle, share, protocols, initialization, *protocol);
    });
}

LONG SCardDisconnect(SCARDHANDLE handle, DWORD disposition) {
    if (const auto rc = enter(Function::disconnect)) return *rc;
    const Held held = Client::instance().hold_by_handle(handle);
    if (!held) return SCARD_E_INVALID_HANDLE;
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const LONG rc = service.disconnect(lock, held.session(), handle, disposition);
    if (rc == SCARD_S_SUCCESS) Client::instance().remove_handle(*held.context, handle);
    return rc;
}

LONG SCardBeginTransaction(SCARDHANDLE handle) {
    if (const auto rc = enter(Function::begin_transaction)) return *rc;
    return retry_while_shared(Function::begin_transaction, handle,
                              [&](Lock&, const Held& held) { return Service::instance().begin(held.session(), handle); });
}

LONG SCardEndTransaction(SCARDHANDLE handle, DWORD disposition) {
    if (const auto rc = enter(Function::end_transaction)) return *rc;
    const Held held = Client::instance().hold_by_handle(handle);
    if (!held) return SCARD_E_INVALID_HANDLE;
    Service& service = Service::instance();
    const Lock lock(service.mutex);
    return service.end(held.session(), handle, disposition);
}

LONG SCardStatus(SCARDHANDLE handle, LPSTR name, LPDWORD name_size, LPDWORD state, LPDWORD protocol, LPBYTE atr,
                 LPDWORD atr_size) {
    if (const auto rc = enter(Function::status)) return *rc;
    DWORD no_name = 0, no_atr = 0;
    if (state) *state = 0;
    if (protocol) *protocol = 0;
    if (!name_size) name_size = &no_name;
    if (!atr_size) atr_size = &no_atr;
    const DWORD name_room = std::exchange(*name_size, 0), atr_room = std::exchange(*atr_size, 0);
    return retry_while_shared(Function::status, handle, [&](Lock&, const Held& held) -> LONG {
        Service& service = Service::instance();
        if (!held.session().alive) return SCARD_E_NO_SERVICE;
        const auto reader = service.find(held.reader);
        if (!reader) return SCARD_E_READER_UNAVAILABLE;
        if (const LONG rc = service.status(held.session(), handle); rc != SCARD_S_SUCCESS) return rc;
        if (state) *state = (static_cast<DWORD>(service.counters[service.place_of(*reader)]) << 16) + reader->state;
        if (protocol) *protocol = reader->protocol;
        const LONG first = hand_out(reader->name.c_str(), reader->name.size() + 1, name, name_room, name_size);
        const LONG second = hand_out(reader->atr.data(), reader->atr.size(), atr, atr_room, atr_size);
        return first != SCARD_S_SUCCESS ? first : second;
    });
}

LONG SCardTransmit(SCARDHANDLE handle, const SCARD_IO_REQUEST* send, LPCBYTE command, DWORD command_size,
                   SCARD_IO_REQUEST* receive, LPBYTE answer, LPDWORD answer_size) {
    if (const auto rc = enter(Function::transmit)) {
        if (answer_size) *answer_size = 0;
        return *rc;
    }
    if (!command || !answer || !answer_size || !send) return SCARD_E_INVALID_PARAMETER;
    const DWORD room = std::exchange(*answer_size, 0);
    if (command_size > MAX_BUFFER_SIZE_EXTENDED) return SCARD_E_INSUFFICIENT_BUFFER;
    return retry_while_shared(Function::transmit, handle, [&](Lock& lock, const Held& held) -> LONG {
        Bytes bytes;
        const LONG rc =
            Service::instance().transmit(lock, held.session(), handle, send->dwProtocol, ByteView(command, command_size), bytes);
        if (rc != SCARD_S_SUCCESS) return rc;
        *answer_size = bytes.size();
        if (bytes.size() > room) return SCARD_E_INSUFFICIENT_BUFFER;
        std::copy(bytes.begin(), bytes.end(), answer);
        if (receive) receive->dwProtocol = send->dwProtocol;
        return rc;
    });
}

LONG SCardControl(SCARDHANDLE handle, DWORD code, LPCVOID input, DWORD input_size, LPVOID output, DWORD room,
                  LPDWORD output_size) {
    if (const auto rc = enter(Function::control)) return *rc;
    if (output_size) *output_size = 0;
    const Held held = Client::instance().hold_by_handle(handle);
    if (!held) return SCARD_E_INVALID_HANDLE;
    if (input_size > MAX_BUFFER_SIZE_EXTENDED) return SCARD_E_INSUFFICIENT_BUFFER;
    Bytes bytes;
    Service& service = Service::instance();
    Lock lock(service.mutex);
    const LONG rc =
        service.control(lock, held.session(), handle, code, ByteView(static_cast<const std::uint8_t*>(input), input_size), bytes);
    if (rc != SCARD_S_SUCCESS) return rc;
    if (output_size) *output_size = bytes.size();
    if (bytes.size() > room || (!output && !bytes.empty())) return SCARD_E_INSUFFICIENT_BUFFER;
    if (!bytes.empty()) std::memcpy(output, bytes.data(), bytes.size());
    if (output_size) *output_size += service.control_overstated;
    return rc;
}

LONG SCardGetAttrib(SCARDHANDLE handle, DWORD id, LPBYTE value, LPDWORD size) {
    if (const auto rc = enter(Function::get_attrib)) return *rc;
    if (!size || (*size == SCARD_AUTOALLOCATE && !value)) return SCARD_E_INVALID_PARAMETER;
    const Held held = Client::instance().hold_by_handle(handle);
    if (!held) return SCARD_E_INVALID_HANDLE;
    if (value && *size != SCARD_AUTOALLOCATE && *size > MAX_BUFFER_SIZE) return SCARD_E_INSUFFICIENT_BUFFER;
    Bytes bytes;
    {
        // Not repeated: returns at once if another program is in a transaction.
        Service& service = Service::instance();
        const Lock lock(service.mutex);
        if (const LONG rc = service.get_attrib(held.session(), handle, id, bytes); rc != SCARD_S_SUCCESS) return rc;
    }
    return hand_out(bytes.data(), bytes.size(), value, *size, size);
}

LONG SCardSetAttrib(SCARDHANDLE handle, DWORD, LPCBYTE value, DWORD size) {
    if (const auto rc = enter(Function::set_attrib)) return *rc;
    if (!value || size == 0) return SCARD_E_INVALID_PARAMETER;
    const Held held = Client::instance().hold_by_handle(handle);
    if (!held) return SCARD_E_INVALID_HANDLE;
    Service& service = Service::instance();
    const Lock lock(service.mutex);
    const LONG rc = service.status(held.session(), handle);
    return rc != SCARD_S_SUCCESS ? rc : SCARD_E_UNSUPPORTED_FEATURE;
}

}  // extern "C"
