// Connections and transactions. The order of the checks is pcscd's, since it determines the code that a caller gets.
#include "service.hpp"

#include <algorithm>
#include <reader.h>

namespace jpki::fake::detail {

namespace {

bool known_share(DWORD share) {
    return share == SCARD_SHARE_EXCLUSIVE || share == SCARD_SHARE_SHARED || share == SCARD_SHARE_DIRECT;
}

bool names_protocol(DWORD share, DWORD protocols) {
    return share == SCARD_SHARE_DIRECT || (protocols & (SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 | SCARD_PROTOCOL_RAW)) != 0;
}

bool known_disposition(DWORD disposition) { return disposition <= SCARD_EJECT_CARD; }
bool cycles_power(DWORD disposition) { return disposition == SCARD_RESET_CARD || disposition == SCARD_UNPOWER_CARD; }

}  // namespace

LONG Service::choose_protocol(Reader& reader, DWORD protocols) {
    if (protocols & SCARD_PROTOCOL_RAW) {
        reader.protocol = SCARD_PROTOCOL_RAW;
        return SCARD_S_SUCCESS;
    }
    // The first connection after power-on chooses the protocol for all.
    if (reader.protocol != SCARD_PROTOCOL_UNDEFINED)
        return (protocols & reader.protocol) ? SCARD_S_SUCCESS : SCARD_E_PROTO_MISMATCH;
    const DWORD possible = protocols & protocols_of(reader.atr);
    if (possible & SCARD_PROTOCOL_T1) reader.protocol = SCARD_PROTOCOL_T1;
    else if (possible & SCARD_PROTOCOL_T0) reader.protocol = SCARD_PROTOCOL_T0;
    else return SCARD_E_PROTO_MISMATCH;
    return SCARD_S_SUCCESS;
}

LONG Service::connect(Lock& lock, Session& session, const std::string& name, DWORD share, DWORD protocols, SCARDHANDLE& handle,
                      DWORD& protocol) {
    handle = 0;
    if (!session.alive) return SCARD_E_NO_SERVICE;
    if (!names_protocol(share, protocols)) return SCARD_E_PROTO_MISMATCH;
    if (!known_share(share)) return SCARD_E_INVALID_VALUE;
    const ReaderPtr reader = find(name);
    if (!reader) return SCARD_E_UNKNOWN_READER;
    if (reader->exclusive()) return SCARD_E_SHARING_VIOLATION;
    // pcscd itself waits here for the end of another program's transaction, without a bound and without SCardCancel.
    while (reader->lock_handle != 0 && session.alive && reader->plugged) wait_change(lock, Function::connect, changes, session);
    if (!session.alive) return SCARD_F_COMM_ERROR;
    if (!reader->plugged) return SCARD_E_NO_SMARTCARD;
    if (share != SCARD_SHARE_DIRECT) {
        if (!reader->present()) return SCARD_E_NO_SMARTCARD;
        if (!reader->powered) power_up(*reader);
        if (!reader->powered) return SCARD_W_UNPOWERED_CARD;
    }
    if (share != SCARD_SHARE_DIRECT || (protocols & SCARD_PROTOCOL_RAW))
        if (const LONG rc = choose_protocol(*reader, protocols); rc != SCARD_S_SUCCESS) return rc;
    if (share == SCARD_SHARE_EXCLUSIVE && reader->contexts != 0) return SCARD_E_SHARING_VIOLATION;

    handle = next_handle_;
    next_handle_ += 0x101;
    protocol = reader->protocol;
    if (share == SCARD_SHARE_EXCLUSIVE) {
        reader->contexts = -1;
        reader->lock_handle = handle;
        reader->lock_count = 1;
    } else {
        ++reader->contexts;
    }
    reader->handles[handle].other = &session == other.get();
    session.handles.push_back(handle);
    note_change();
    return SCARD_S_SUCCESS;
}

LONG Service::reconnect(Session& session, SCARDHANDLE handle, DWORD share, DWORD protocols, DWORD initialization,
                        DWORD& protocol) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    if (initialization != SCARD_LEAVE_CARD && !cycles_power(initialization)) return SCARD_E_INVALID_VALUE;
    if (!known_share(share)) return SCARD_E_INVALID_VALUE;
    if (!names_protocol(share, protocols)) return SCARD_E_PROTO_MISMATCH;
    const ReaderPtr reader = reader_of(handle);
    if (!reader) return SCARD_E_INVALID_VALUE;
    if (locked_for(*reader, handle)) return SCARD_E_SHARING_VIOLATION;
    if (cycles_power(initialization)) {
        set_event(*reader, Handle::Event::reset);
        const LONG rc = power_cycle(*reader, initialization);
        if (rc == SCARD_W_REMOVED_CARD) return SCARD_E_NO_SMARTCARD;
        if (rc != SCARD_S_SUCCESS) return SCARD_W_UNRESPONSIVE_CARD;
    } else {
        if (reader->state & SCARD_ABSENT) return SCARD_E_NO_SMARTCARD;
        if (reader->state & SCARD_SWALLOWED) return SCARD_W_UNRESPONSIVE_CARD;
    }
    if (share != SCARD_SHARE_DIRECT || (protocols & SCARD_PROTOCOL_RAW))
        if (const LONG rc = choose_protocol(*reader, protocols); rc != SCARD_S_SUCCESS) return rc;
    protocol = reader->protocol;
    if (share == SCARD_SHARE_EXCLUSIVE && !reader->exclusive()) {
        if (reader->contexts != 1) return SCARD_E_SHARING_VIOLATION;
        reader->contexts = -1;
        reader->lock_handle = handle;
        ++reader->lock_count;
    } else if (share != SCARD_SHARE_EXCLUSIVE && reader->exclusive()) {
        // pcscd unlocks while the reader is still exclusive, so the last lock stays.
        unlock(*reader, handle);
        reader->contexts = 1;
    }
    // Clears the handle's events, a removal too: it then reaches the card that is present now.
    reader->handles[handle].event = Handle::Event::none;
    note_change();
    return SCARD_S_SUCCESS;
}

LONG Service::disconnect(Lock& lock, Session& session, SCARDHANDLE handle, DWORD disposition) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    if (!known_disposition(disposition)) return SCARD_E_INVALID_VALUE;
    const ReaderPtr reader = reader_of(handle);
    const auto forget = [&] { std::erase(session.handles, handle); };
    if (!reader) {
        forget();
        return SCARD_S_SUCCESS;
    }
    if (disposition != SCARD_LEAVE_CARD && locked_for(*reader, handle))
        while (reader->lock_handle != 0 && session.alive && reader->plugged)
            wait_change(lock, Function::disconnect, changes, session);
    if (!session.alive) return SCARD_F_COMM_ERROR;
    if (!locked_for(*reader, handle)) {
        reader->lock_handle = 0;
        reader->lock_count = 0;
    }
    if (cycles_power(disposition)) {
        set_event(*reader, Handle::Event::reset);
        if (disposition == SCARD_RESET_CARD) {
            power_cycle(*reader, SCARD_RESET_CARD);
        } else {
            // Power stays off until the next connection.
            if (reader->card) reader->card->power_off();
            reader->powered = false;
            reader->protocol = SCARD_PROTOCOL_UNDEFINED;
            reader->state = reader->present() ? SCARD_PRESENT : SCARD_ABSENT;
        }
    }
    reader->handles.erase(handle);
    forget();
    if (reader->exclusive()) reader->contexts = 0;
    else if (reader->contexts > 0) --reader->contexts;
    note_change();
    return SCARD_S_SUCCESS;
}

LONG Service::begin(Session& session, SCARDHANDLE handle) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    const ReaderPtr reader = reader_of(handle);
    if (!reader) return SCARD_E_INVALID_VALUE;
    if (const LONG rc = event_code(*reader, handle); rc != SCARD_S_SUCCESS) return rc;
    if (locked_for(*reader, handle)) return SCARD_E_SHARING_VIOLATION;
    reader->lock_handle = handle;
    ++reader->lock_count;
    if (&session != other.get() && std::exchange(reader->resets_late, false)) power_cycle(*reader, SCARD_RESET_CARD);
    note_change();
    return SCARD_S_SUCCESS;
}

LONG Service::end(Session& session, SCARDHANDLE handle, DWORD disposition) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    if (!known_disposition(disposition)) return SCARD_E_INVALID_VALUE;
    const ReaderPtr reader = reader_of(handle);
    if (!reader) return SCARD_E_INVALID_VALUE;
    // After a reset during the transaction this fails, and the lock stays.
    if (const LONG rc = event_code(*reader, handle); rc != SCARD_S_SUCCESS) return rc;
    if (disposition != SCARD_LEAVE_CARD && locked_for(*reader, handle)) return SCARD_E_SHARING_VIOLATION;
    LONG rc = SCARD_S_SUCCESS;
    if (cycles_power(disposition)) {
        rc = power_cycle(*reader, disposition);
        set_event(*reader, Handle::Event::reset);  // also for the handle that requested it
    }
    const LONG unlocked = unlock(*reader, handle);
    note_change();
    return rc != SCARD_S_SUCCESS ? rc : unlocked;
}

LONG Service::status(Session& session, SCARDHANDLE handle) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    const ReaderPtr reader = reader_of(handle);
    if (!reader) return SCARD_E_INVALID_VALUE;
    if (locked_for(*reader, handle)) return SCARD_E_SHARING_VIOLATION;
    return event_code(*reader, handle);
}

LONG Service::get_attrib(Session& session, SCARDHANDLE handle, DWORD id, Bytes& value) {
    if (const LONG rc = status(session, handle); rc != SCARD_S_SUCCESS) return rc;
    const ReaderPtr reader = reader_of(handle);
    switch (id) {
    case SCARD_ATTR_ATR_STRING: value = reader->atr; return SCARD_S_SUCCESS;
    case SCARD_ATTR_DEVICE_FRIENDLY_NAME:
    case SCARD_ATTR_DEVICE_SYSTEM_NAME:
        value.assign(reader->name.begin(), reader->name.end());
        value.push_back(0);
        return SCARD_S_SUCCESS;
    default: return SCARD_E_UNSUPPORTED_FEATURE;
    }
}

}  // namespace jpki::fake::detail
