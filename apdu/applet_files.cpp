// Reading files: READ BINARY (ISO/IEC 7816-4, 7.2.3), with and without SELECT EF.
#include "apdu/applet.hpp"
#include "apdu/certificate_file.hpp"
#include "apdu/errors.hpp"
#include "apdu/iso7816.hpp"

#include <algorithm>

namespace jpki {

namespace {

// While it is not known whether a read by SFI makes the file the current one, the second read repeats this many bytes of
// the first: data of another file is detected.
constexpr std::size_t overlap = 16;

}  // namespace

// The first read of a file, in this card's form. `offset` at most 255, the maximum of the SFI form.
Response Applet::read_first(Ef ef, std::size_t offset, std::size_t size) {
    if (profile_.form != CommandProfile::Form::select_ef) {
        Response response = transaction_.transmit(iso7816::read_binary_by_sfi(sfi_of(ef), offset, size));
        if (profile_.form == CommandProfile::Form::short_form || response.ok() ||
            response.status == sw::security_status_not_satisfied)
            return response;
    }
    if (!select_ef(ef)) return {{}, sw::file_not_found};
    return transaction_.transmit(iso7816::read_binary(offset, size));
}

FileAnswer Applet::read_start(Ef ef, std::size_t size) {
    Response response = read_first(ef, 0, size);
    if (response.status == sw::security_status_not_satisfied) return {FileAnswer::Kind::locked, {}};
    if (response.ok() && response.data.empty()) return {FileAnswer::Kind::absent, {}, true};
    if (response.ok() || response.status == sw::end_of_file_before_le)
        return {response.data.empty() ? FileAnswer::Kind::absent : FileAnswer::Kind::read, std::move(response.data)};
    if (sw::says_nothing_to_read(response.status)) return {FileAnswer::Kind::absent, {}};
    throw CardFault("READ BINARY: status " + hex16(response.status));
}

FileAnswer Applet::read_certificate(Ef ef, Bytes start) {
    bool first_read_now = start.empty();
    if (first_read_now) {
        FileAnswer answer = read_start(ef, Command::le_max);
        if (answer.kind != FileAnswer::Kind::read) return answer;
        start = std::move(answer.data);
    }
    std::size_t total = 0;
    switch (examine_head(start, total)) {
    case FileHead::nothing: return {FileAnswer::Kind::absent, {}};
    case FileHead::malformed: return {FileAnswer::Kind::malformed, {}};
    case FileHead::certificate: break;
    }
    if (start.size() >= total) {
        start.resize(total);
        return {FileAnswer::Kind::read, std::move(start)};
    }
    if (!first_read_now) {
        // Continues where an earlier transaction stopped: the file is made the current one by reading it again from the last
        // offset that the SFI form has, and the bytes read twice must be equal.
        const std::size_t from = std::min<std::size_t>(start.size(), 255);
        Response response = read_first(ef, from, std::min(Command::le_max, total - from));
        if (!response.ok() ||
            !std::equal(start.begin() + static_cast<std::ptrdiff_t>(from), start.end(), response.data.begin(),
                        response.data.begin() + static_cast<std::ptrdiff_t>(std::min(response.data.size(), start.size() - from))))
            return {FileAnswer::Kind::malformed, {}};
        start.resize(from);
        start.insert(start.end(), response.data.begin(), response.data.end());
    }
    return read_rest(ef, std::move(start), total);
}

FileAnswer Applet::read_rest(Ef ef, Bytes data, std::size_t total) {
    bool current = profile_.form == CommandProfile::Form::select_ef || profile_.sfi_read_selects;
    bool selected = profile_.form == CommandProfile::Form::select_ef;
    while (data.size() < total) {
        const std::size_t again = current ? 0 : std::min(overlap, data.size());
        const std::size_t from = data.size() - again;
        Response response = transaction_.transmit(iso7816::read_binary(from, std::min(Command::le_max, total - from)));
        const bool usable = response.ok() && response.data.size() > again &&
                            std::equal(data.end() - static_cast<std::ptrdiff_t>(again), data.end(), response.data.begin());
        if (usable) {
            if (!current) current = profile_.sfi_read_selects = true;
        } else {
            // The read by SFI did not make this file the current one, or the READ BINARY is at the end of another file.
            if (selected || !select_ef(ef)) return {FileAnswer::Kind::malformed, {}};
            profile_.sfi_read_selects = false;
            current = selected = true;
            continue;
        }
        data.insert(data.end(), response.data.begin() + static_cast<std::ptrdiff_t>(again), response.data.end());
    }
    if (data.size() != total) return {FileAnswer::Kind::malformed, {}};
    return {FileAnswer::Kind::read, std::move(data)};
}

}  // namespace jpki
