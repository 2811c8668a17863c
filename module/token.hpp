// One key of one inserted card as a PKCS#11 token, with its login, its objects and its key.
#pragma once

#include "apdu/card.hpp"
#include "apdu/pinpad.hpp"
#include "apdu/thread_safety.hpp"
#include "module/attribute_rules.hpp"
#include "module/attributes.hpp"
#include "module/mechanisms.hpp"
#include "module/rejected_pins.hpp"
#include "module/services.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

namespace jpki {

class Insertion;

class Token {
public:
    Token(Services& services, Insertion& insertion, KeyUse use);
    ~Token();
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;

    KeyUse use() const noexcept { return use_; }
    Card& card() noexcept;

    // --- what C_GetTokenInfo shows ---
    struct Overview {
        std::string serial_number;  // 16 hex digits
        CK_FLAGS pin_flags = 0;     // CKF_USER_PIN_* and CKF_PROTECTED_AUTHENTICATION_PATH
    };
    // All reads of the card are in one transaction. Throws CKR_TOKEN_NOT_PRESENT if the card does not have this
    // key.
    Overview overview() JPKI_EXCLUDES(login_mutex_, mutex_);

    // --- login (token_login.cpp) ---
    // The end of a login never fails: afterwards no user is logged in in this process, private handles are invalid and
    // no key signs, with any answer of the card. A card whose security status could not be reset, since another program holds a
    // transaction, is reset before the next command of this process. Only logout() reports that; if a login ends as a side effect
    // of another call (a session closed, an operation ended) that call succeeds, and the log has a line.
    // Whether the user is logged in, as far as known. Sends nothing.
    bool logged_in() const noexcept;
    // C_Login(CKU_USER) and C_LoginUser. `pin` NULL: on the reader's PIN pad. Throws the CK_RV of C_Login.
    void login(const unsigned char* pin, CK_ULONG length) JPKI_EXCLUDES(login_mutex_, mutex_);
    // C_Logout. Throws CKR_USER_NOT_LOGGED_IN, also if only the reset at the card was still due, which is retried; CardBusy,
    // CardFault, CardRemoved if the user is logged out and the card's security status could not be reset.
    void logout() JPKI_EXCLUDES(login_mutex_, mutex_);
    // Logs out if `unused` returns true, which is evaluated where no login can come in between. Returns whether it did. Throws no
    // fault of the card.
    bool logout_if(const std::function<bool()>& unused) JPKI_EXCLUDES(login_mutex_, mutex_);
    void set_pin(const unsigned char* old_pin, CK_ULONG old_length, const unsigned char* new_pin, CK_ULONG new_length)
        JPKI_EXCLUDES(login_mutex_, mutex_);

    // --- consent to one signature (token_consent.cpp) ---
    // Whether each signature needs its own PIN. The card's security status is then reset between signatures, and the session
    // stays a user session.
    bool needs_consent_each() const noexcept;
    // C_Login(CKU_CONTEXT_SPECIFIC) for one signature of `session`. On success the card stays in a transaction until the
    // consent ends, with a reset of the card's security status:
    //   - with the operation (end_consent), a logout, a C_SetPIN, and a context login that fails;
    //   - at once when another session, or a function of another slot, needs the card or gives its own consent;
    //   - at the next call of this process, of any kind, once it is consent_age_max old.
    // Without such a call it does not end: nothing here runs by itself. Throws the CK_RV of C_Login; CKR_PIN_LOCKED logs out
    // (PKCS#11 2.40, 4.9, CKA_ALWAYS_AUTHENTICATE).
    void consent(const unsigned char* pin, CK_ULONG length, CK_SESSION_HANDLE session) JPKI_EXCLUDES(login_mutex_, mutex_);
    // Does nothing if the consent is not, or not any more, that session's.
    void end_consent(CK_SESSION_HANDLE session) noexcept JPKI_EXCLUDES(login_mutex_, mutex_);
    bool has_consent(CK_SESSION_HANDLE session) JPKI_EXCLUDES(mutex_);
    static constexpr std::chrono::seconds consent_age_max{60};

    // --- objects (token_objects.cpp) ---
    // Whether an object of this kind matches; may read the card, and does so only if the template's static attributes
    // match. Returns its handle, or CK_INVALID_HANDLE.
    CK_OBJECT_HANDLE match(ObjectKind kind, const Template& wanted) JPKI_EXCLUDES(mutex_);
    // Throws CKR_OBJECT_HANDLE_INVALID for a handle that is not, or not any more, one of this token's.
    ObjectKind object(CK_OBJECT_HANDLE handle) JPKI_EXCLUDES(mutex_);
    // No value: CKR_ATTRIBUTE_TYPE_INVALID. May read the card.
    std::optional<Bytes> attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type) JPKI_EXCLUDES(mutex_);
    // Whether it is a part of the private key that never leaves the card: CKR_ATTRIBUTE_SENSITIVE.
    bool is_secret(ObjectKind kind, CK_ATTRIBUTE_TYPE type);

    // --- mechanisms and the key (token_key.cpp) ---
    // The key's, without the hashes that are computed in software.
    std::vector<CK_MECHANISM_TYPE> mechanisms() JPKI_EXCLUDES(mutex_);
    // Whether mechanisms() has it: the answer does not depend on what was read before.
    bool lists(CK_MECHANISM_TYPE type) JPKI_EXCLUDES(mutex_);
    // The kind of this token's key `key`. Throws CKR_KEY_HANDLE_INVALID.
    ObjectKind require_some_key(CK_OBJECT_HANDLE key);
    // Throws CKR_KEY_HANDLE_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED for the other key of the pair, and
    // CKR_MECHANISM_INVALID, unless `key` is this token's key of that kind and has the scheme.
    void require_key(CK_OBJECT_HANDLE key, ObjectKind kind, const SignatureScheme& scheme);
    // One signature of the card over `data`, checked with the public key as module/README.md says. `data` is what the
    // scheme's encode() returned. Throws CKR_USER_NOT_LOGGED_IN and others.
    Bytes sign(const SignatureScheme& scheme, ByteView data) JPKI_EXCLUDES(mutex_);
    // The holder's certificate; may read the card. NULL if there is none, or none that can be read now.
    std::shared_ptr<const Certificate> certificate() { return card().certificate(use_).certificate; }
    std::shared_ptr<const Certificate> ca_certificate() { return card().ca_certificate(use_).certificate; }

private:
    // module/README.md, token flags: never older than a second.
    static constexpr std::chrono::milliseconds tries_age_max{1000};

    bool still_logged_in() JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    LastTry last_try() const noexcept { return services_.settings.keep_last_try ? LastTry::withhold : LastTry::spend; }
    void require_not_blocked() JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    RejectedPins::Print require_pin_worth_sending(const Secret& pin) JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    // `print`: NULL for a PIN that was entered at the reader.
    void remember(const PinAnswer& answer, const RejectedPins::Print* print) noexcept JPKI_REQUIRES(login_mutex_)
        JPKI_EXCLUDES(mutex_);
    [[noreturn]] void refuse(const PinAnswer& answer);
    Card::ChangeAnswer change_pin(const unsigned char* old_pin, CK_ULONG old_length, const unsigned char* new_pin,
                                  CK_ULONG new_length) JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    void finish_change(const Card::ChangeAnswer& answer) JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    PinAnswer ask_pin(const unsigned char* pin, CK_ULONG length, Card::Holder hold) JPKI_REQUIRES(login_mutex_)
        JPKI_EXCLUDES(mutex_);
    void log_out() JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    void log_out_whatever_the_card_says() JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    bool is_consenting(CK_SESSION_HANDLE session) noexcept JPKI_EXCLUDES(mutex_);
    void withdraw_consent() JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    void withdraw_consent_whatever_the_card_says() noexcept JPKI_REQUIRES(login_mutex_) JPKI_EXCLUDES(mutex_);
    void lose_private_handles() JPKI_EXCLUDES(mutex_);
    bool is_private(ObjectKind kind);
    bool exists(ObjectKind kind);
    ObjectFacts facts_of_object(ObjectKind kind);
    std::optional<Bytes> known_attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type);
    std::optional<Bytes> key_attribute(ObjectKind kind, CK_ATTRIBUTE_TYPE type);
    std::shared_ptr<const Certificate> certificate_of(ObjectKind kind);
    // That of the holder, if this card signs with its key; else NULL. May read the card.
    std::shared_ptr<const Certificate> usable_certificate();
    std::shared_ptr<const Certificate> certificate_to_check_with();
    // The key's type: from a cached certificate; RSA if EF 0006 names a model that was measured; from the
    // authentication certificate, which is read for it. RSA if unknown.
    KeyType key_type();
    std::optional<KeyType> known_key_type();
    // The same as a check. A key of unknown type counts as one of the usual type, without a command to the card:
    // a first signature takes four commands.
    bool has_key_of(KeyType type);
    bool pss();
    bool has_scheme(const SignatureScheme& scheme);
    PinPad* pad();

    Services& services_;
    Insertion& insertion_;
    const KeyUse use_;
    std::atomic<bool> user_ = false;  // the caller logged in; Card::verified() says whether the login is still open at the card
    Mutex login_mutex_;               // one C_Login, C_Logout or C_SetPIN at a time; held over I/O
    Mutex mutex_ JPKI_ACQUIRED_AFTER(login_mutex_);  // held briefly: functions with I/O exclude it
    std::array<CK_OBJECT_HANDLE, object_kinds> handles_ JPKI_GUARDED_BY(mutex_){};
    RejectedPins rejected_ JPKI_GUARDED_BY(mutex_);
    // Whose the last consent was; the card object knows whether it still exists.
    CK_SESSION_HANDLE consenting_ JPKI_GUARDED_BY(mutex_) = CK_INVALID_HANDLE;
};

}  // namespace jpki
