// SCardControl: commands to the reader.
#include "service.hpp"

#include <algorithm>
#include <reader.h>

namespace jpki::fake::detail {

namespace {

// As libccid numbers them; a caller must ask for them, not assume them.
constexpr DWORD feature_code(std::uint8_t feature) { return SCARD_CTL_CODE(0x330000U + feature); }

void list_feature(Bytes& out, std::uint8_t feature) {
    const DWORD code = feature_code(feature);
    out.insert(out.end(), {feature, 4});
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(code >> shift & 0xFF));
}

}  // namespace

LONG Service::control(Lock& lock, Session& session, SCARDHANDLE handle, DWORD code, ByteView input, Bytes& output) {
    if (!session.alive) return SCARD_E_NO_SERVICE;
    const ReaderPtr reader = reader_of(handle);
    if (!reader) return SCARD_E_INVALID_VALUE;
    if (locked_for(*reader, handle)) return SCARD_E_SHARING_VIOLATION;
    // Does not check the handle's events: after a swap this reaches the new card.
    if (!reader->pad) return SCARD_E_UNSUPPORTED_FEATURE;
    const PinPad& pad = *reader->pad;
    if (code == CM_IOCTL_GET_FEATURE_REQUEST) {
        for (const auto& [feature, answer] : pad.others)
            if (feature < FEATURE_VERIFY_PIN_DIRECT) list_feature(output, feature);
        if (pad.can_verify) list_feature(output, FEATURE_VERIFY_PIN_DIRECT);
        if (pad.can_modify) list_feature(output, FEATURE_MODIFY_PIN_DIRECT);
        for (const auto& [feature, answer] : pad.others)
            if (feature > FEATURE_MODIFY_PIN_DIRECT) list_feature(output, feature);
        output.resize(output.size() - std::min(pad.features_cut, output.size()));
        return SCARD_S_SUCCESS;
    }
    const bool verify = pad.can_verify && code == feature_code(FEATURE_VERIFY_PIN_DIRECT);
    const bool modify = pad.can_modify && code == feature_code(FEATURE_MODIFY_PIN_DIRECT);
    if (verify || modify) {
        // A real driver returns SCARD_E_NOT_TRANSACTED for every error. A code that nothing else returns here tells a
        // test that the structure was wrong, and not the card.
        auto request = verify ? parse_verify(input) : parse_modify(input);
        if (!request) return SCARD_E_INVALID_PARAMETER;
        return pad_request(lock, session, reader, handle, std::move(*request), output);
    }
    for (const auto& [feature, answer] : pad.others)
        if (code == feature_code(feature)) {
            output = answer;
            return SCARD_S_SUCCESS;
        }
    return SCARD_E_UNSUPPORTED_FEATURE;
}

LONG Service::pad_request(Lock& lock, Session& session, const ReaderPtr& reader, SCARDHANDLE handle, PinPadRequest request,
                          Bytes& output) {
    PinEntry entry = PinEntry::gone_away();
    if (!reader->entries.empty()) {
        entry = std::move(reader->entries.front());
        reader->entries.pop_front();
    }
    const PinPad pad = *reader->pad;
    const std::size_t insertion = reader->insertion;
    if (entry.meanwhile) {
        lock.unlock();
        entry.meanwhile();
        lock.lock();
    }
    if (!session.alive) return SCARD_F_COMM_ERROR;
    if (!reader->plugged) return SCARD_E_READER_UNAVAILABLE;
    LONG rc = SCARD_E_NOT_TRANSACTED;
    Bytes answer;
    if (reader->present() && reader->insertion == insertion) {
        PadResult typed = type_pin(pad, request, entry);
        if (typed.status != 0) {
            rc = SCARD_S_SUCCESS;
            answer = {static_cast<std::uint8_t>(typed.status >> 8), static_cast<std::uint8_t>(typed.status & 0xFF)};
        } else {
            request.sent = typed.command;
            rc = exchange(lock, session, reader, handle, false, typed.command, answer);
            // pcscd has no other code for a card that did not answer SCardControl.
            if (rc == SCARD_W_REMOVED_CARD || rc == SCARD_E_NO_SMARTCARD) rc = SCARD_E_NOT_TRANSACTED;
        }
    }
    if (rc == SCARD_S_SUCCESS && answer.size() >= 2)
        request.status = static_cast<std::uint16_t>(answer[answer.size() - 2] << 8 | answer.back());
    reader->requests.push_back(std::move(request));
    output = std::move(answer);
    return rc;
}

}  // namespace jpki::fake::detail
