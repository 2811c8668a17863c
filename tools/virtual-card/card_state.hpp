// Inside of CardModel: the state of apdu/README.md, and one function for each command. The caller holds the mutex.
#pragma once

#include "card_model.hpp"
#include "command_apdu.hpp"

namespace jpki::model {

// apdu/README.md, Files of the JPKI application.
namespace ef {
inline constexpr std::uint16_t signature_certificate = 0x0001, signature_ca = 0x0002, token_information = 0x0006,
                               existence = 0x0008, authentication_certificate = 0x000A, authentication_ca = 0x000B,
                               authentication_key = 0x0017, authentication_pin = 0x0018, signature_key = 0x001A,
                               signature_password = 0x001B;
}  // namespace ef

inline std::size_t index(KeyUse use) { return static_cast<std::size_t>(use); }
inline KeyUse other(KeyUse use) { return use == KeyUse::authentication ? KeyUse::signature : KeyUse::authentication; }

struct CardModel::State {
    State(std::shared_ptr<const TestPki> its_pki, Knobs its_knobs) : pki(std::move(its_pki)), knobs(std::move(its_knobs)) {}

    // none: after a reset. security_domain: the issuer security domain, which the module selects to end a login. foreign: any
    // other.
    enum class Application { none, jpki, security_domain, foreign };
    enum class FileType { data, key, pin };
    struct File {
        std::uint16_t id;
        FileType type;
        KeyUse use;
    };

    mutable std::mutex mutex;
    const std::shared_ptr<const TestPki> pki;
    Knobs knobs;
    bool powered = true;
    bool first_command = true;  // no command since the cold reset
    Application application = Application::none;
    std::optional<std::uint16_t> current_file;
    std::array<bool, 2> verified = {false, false};
    Bytes pending;  // what GET RESPONSE returns
    Counts counts;
    Fault fault;
    std::function<void()> delay_hook;
    std::function<void(ByteView, ByteView)> command_hook;

    // card_model.cpp
    void cold_reset();
    void warm_reset();
    void power_off();
    void select_other(Application);
    Fault::Kind next_fault();

    // card_commands.cpp
    Bytes execute(ByteView bytes);
    Reply dispatch(const CommandApdu&);
    Reply shape_for_t0(const CommandApdu&, Reply);
    Reply get_response(const CommandApdu&);
    Reply select(const CommandApdu&);
    Reply foreign_command(const CommandApdu&) const;
    Bytes other_card(ByteView bytes) const;
    Reply challenge(const CommandApdu&) const;

    // card_files.cpp
    std::optional<File> find_file(std::uint16_t id) const;  // no value: the card answers 6A82
    // The file that P2 (80, or 80\pSFI) of VERIFY, CHANGE and signing names; a status word if its type is another.
    std::uint16_t resolve(std::uint8_t p2, FileType type, File& found) const;
    Bytes content(const File&) const;
    bool readable(const File&) const;
    bool has(KeyUse) const;
    Reply read(const CommandApdu&);

    // card_pins.cpp
    Reply verify(const CommandApdu&);
    Reply query_tries(const CommandApdu&, KeyUse) const;
    Reply change(const CommandApdu&);
    bool pin_is_set(KeyUse) const;
    int tries_left(KeyUse) const;

    // card_sign.cpp
    Reply sign(const CommandApdu&);
};

Bytes token_information(const Knobs&);  // EF 0006, 160 bytes

}  // namespace jpki::model
