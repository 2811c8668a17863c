#include "apdu/link.hpp"

#include "apdu/errors.hpp"
#include "apdu/iso7816.hpp"

#include <array>

namespace jpki {

namespace {

// An answer of a short command is at most 256 bytes; ten rounds of GET RESPONSE are more than any JPKI card needs,
// and bound a card that answers 61xx without end.
constexpr int rounds_max = 10;

}  // namespace

Response Link::Transaction::exchange_once(const Command& command) {
    // Wiped on every path: it may contain the holder's name and address.
    struct Answer : std::array<std::uint8_t, answer_max> {
        ~Answer() { wipe(data(), size()); }
    } answer;
    const std::size_t size = link_.exchange(command.wire(), answer);
    if (size < 2) throw CardFault("answer without a status word to " + command.header_text());
    if (size > Command::le_max + 2) throw CardFault("answer too long to " + command.header_text());
    Response response;
    response.data.assign(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size - 2));
    response.status = static_cast<std::uint16_t>(answer[size - 2] << 8 | answer[size - 1]);
    if (link_.log().enabled(LogLevel::debug))
        link_.log().debug(command.header_text() + " -> " + hex16(response.status) + ", " + std::to_string(response.data.size()) +
                          " bytes");
    return response;
}

Response Link::Transaction::transmit(Command& command) {
    Response response = exchange_once(command);
    if (sw::asks_for_other_le(response.status) && command.has_le()) {
        command.replace_le(sw::sw2(response.status));
        response = exchange_once(command);
    }
    for (int round = 0; sw::announces_more(response.status); ++round) {
        if (round == rounds_max) throw CardFault("too many 61xx answers to " + command.header_text());
        const std::size_t more = sw::sw2(response.status);
        Response rest = exchange_once(iso7816::get_response(more == 0 ? Command::le_max : more));
        // An error of GET RESPONSE does not apply to the command before it: that was carried out, its answer is lost.
        if (sw::is_error(rest.status))
            throw CardFault("GET RESPONSE after " + command.header_text() + ": status " + hex16(rest.status));
        response.data.insert(response.data.end(), rest.data.begin(), rest.data.end());
        response.status = rest.status;
        if (response.data.size() > Command::le_max) throw CardFault("answer too long to " + command.header_text());
    }
    return response;
}

}  // namespace jpki
