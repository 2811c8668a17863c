// One command to the card, with all faults on its path.
#include "service.hpp"

namespace jpki::fake::detail {

LONG Service::transmit(Lock& lock, Session& session, SCARDHANDLE handle, DWORD protocol, ByteView command, Bytes& answer) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    const ReaderPtr reader = reader_of(handle);
    if (!reader) return SCARD_E_INVALID_VALUE;
    if (locked_for(*reader, handle)) return SCARD_E_SHARING_VIOLATION;
    if (const LONG rc = event_code(*reader, handle); rc != SCARD_S_SUCCESS) return rc;
    if (protocol != SCARD_PROTOCOL_RAW) {
        if (reader->state & SCARD_ABSENT) return SCARD_E_NO_SMARTCARD;
        if (protocol != reader->protocol) return SCARD_E_PROTO_MISMATCH;
    }
    return exchange(lock, session, reader, handle, true, command, answer);
}

LONG Service::exchange(Lock& lock, Session& session, const ReaderPtr& reader, SCARDHANDLE handle, bool check_events,
                       ByteView command, Bytes& answer) {
    const std::size_t insertion = reader->insertion;
    const auto disturbed = [&]() -> LONG {
        if (!session.alive) return SCARD_F_COMM_ERROR;
        if (!reader->plugged) return SCARD_E_READER_UNAVAILABLE;
        if (reader->insertion != insertion) return reader->removal_answer;
        return SCARD_S_SUCCESS;
    };
    const auto reset = [&] { return check_events && event_code(*reader, handle) == SCARD_W_RESET_CARD; };

    const bool other_program = &session == other.get();
    if (!other_program) {
        if (transmit_hook) {
            const auto hook = transmit_hook;
            lock.unlock();
            hook(reader->name, command);
            lock.lock();
        }
        if (reader->delay.count() > 0) changed.wait_for(lock, reader->delay, [&] { return disturbed() != SCARD_S_SUCCESS; });
    }
    // A reader processes one command at a time.
    changed.wait(lock, [&] { return !reader->busy || disturbed() != SCARD_S_SUCCESS; });
    if (const LONG rc = disturbed(); rc != SCARD_S_SUCCESS) return rc;
    if (reset()) return SCARD_W_RESET_CARD;
    if (const auto found = reader->handles.find(handle); found != reader->handles.end() && found->second.dead_connection) {
        for (auto& [id, h] : reader->handles) h.dead_connection = false;
        return SCARD_E_NOT_TRANSACTED;
    }
    if (reader->reset_at && (*reader->reset_at)-- == 0) {
        reader->reset_at.reset();
        power_cycle(*reader, SCARD_RESET_CARD);
        set_event(*reader, Handle::Event::reset);
        if (check_events) return SCARD_W_RESET_CARD;
    }
    const Card card = reader->card;
    if (!card) return SCARD_E_NO_SMARTCARD;

    reader->busy = true;
    const auto answer_in_its_place = other_program ? nullptr : answer_hook;
    lock.unlock();
    bool gone = false;
    try {
        std::optional<Bytes> said;
        if (answer_in_its_place) said = answer_in_its_place(reader->name, command);
        answer = said ? std::move(*said) : card->transmit(command);
    } catch (const model::CardModel::CardGone&) {
        gone = true;
    } catch (...) {
        lock.lock();
        reader->busy = false;
        note_change();
        throw;
    }
    lock.lock();
    reader->busy = false;
    note_change();
    // The model lost power: the card was removed before, or its own fault removes it now.
    if (gone && disturbed() == SCARD_S_SUCCESS) remove(*reader);
    const LONG rc = disturbed();
    if (rc != SCARD_S_SUCCESS) answer.clear();
    return rc;
}

}  // namespace jpki::fake::detail
