// A program that uses the module with right and wrong arguments, as an input chooses them.
#pragma once

#include "input.hpp"
#include "world.hpp"

#include "module/pkcs11.hpp"

#include <string>
#include <vector>

namespace jpki::fuzz {

class Program {
public:
    Program(World& world, bool consent_each) : world_(world), consent_each_(consent_each) {}

    void call(std::uint8_t choice, Input& input);
    static constexpr unsigned calls = 28;

    // C_Initialize with arguments that the byte chooses. True: initialised.
    static bool initialize(std::uint8_t how);

private:
    struct Session {
        CK_SESSION_HANDLE handle = 0;
        CK_SLOT_ID slot = 0;
        std::size_t person = 0;  // the card that was present when it was opened
        CK_OBJECT_HANDLE private_key = 0, public_key = 0;
        std::vector<CK_OBJECT_HANDLE> objects;
        std::vector<unsigned char> signature;
        // Of the operation that is active.
        CK_MECHANISM_TYPE signs_with = 0;
        std::vector<unsigned char> to_sign;  // by C_SignUpdate
    };
    struct Pin {
        std::string text;
        bool none = false, right = false;
        unsigned char* data() { return none ? nullptr : reinterpret_cast<unsigned char*>(text.data()); }
    };

    Session& session(std::uint8_t how) { return sessions_[how % sessions_.size()]; }
    std::size_t use_of(const Session& session) const { return session.slot & 1; }
    Account& account(const Session& session) { return world_.people[session.person].account; }
    Pin pin(const Session& session, unsigned choice);
    void given(const Session& session, const Pin& pin);
    CK_OBJECT_HANDLE key(const Session& session, unsigned choice) const;

    void slots(std::uint8_t choice, std::uint8_t how);
    void sessions(std::uint8_t choice, std::uint8_t how);
    void logins(std::uint8_t choice, std::uint8_t how, std::uint8_t more);
    void objects(std::uint8_t choice, std::uint8_t how, Input& input);
    void signing(std::uint8_t choice, std::uint8_t how, std::uint8_t more);
    void verifying(std::uint8_t choice, std::uint8_t how, std::uint8_t more);
    void others(std::uint8_t choice, std::uint8_t how, std::uint8_t more);

    void open(Session& session, CK_SLOT_ID slot, std::uint8_t how);
    void login(Session& session, CK_USER_TYPE user, unsigned pin_choice, bool by_name);
    void find(Session& session);
    void sign_init(Session& session, std::uint8_t how, std::uint8_t more);
    void sign_update(Session& session, const unsigned char* data, CK_ULONG size);
    void sign(Session& session, std::uint8_t how, bool in_parts);
    void wait(std::uint8_t how);
    static void call_refused(CK_SESSION_HANDLE session);

    World& world_;
    const bool consent_each_;
    std::array<Session, 4> sessions_{};
};

}  // namespace jpki::fuzz
