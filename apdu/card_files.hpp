// The files of the JPKI application, cached until the card is removed, and what follows from
// them: which keys exist, the card's identity, which certificates match. Nothing is stored on disk.
#pragma once

#include "apdu/applet.hpp"
#include "apdu/card_known.hpp"
#include "apdu/card_scope.hpp"
#include "apdu/certificate.hpp"
#include "apdu/log.hpp"
#include "apdu/security_status.hpp"
#include "apdu/token_information.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace jpki {

// Functions marked "any thread" may be called without a lock; all others under that of the card, and those that take a CardScope
// may read the card. Data that was read once is returned from the cache.
class CardFiles {
public:
    // Whether `certificate` is signed with the key of `issuer`.
    using ChainCheck = std::function<bool(const Certificate& certificate, const Certificate& issuer)>;

    // Without `chain_check` a holder's certificate is not checked with its CA certificate.
    CardFiles(SecurityStatus& status, Log& log, ChainCheck chain_check)
        : status_(status), log_(log), chain_check_(std::move(chain_check)) {}

    // --- any thread ---
    // Whether the existing keys need not be read (any more).
    bool keys_known() const noexcept { return keys_known_; }
    bool known_absent(KeyUse use) const noexcept { return absent_[index_of(use)]; }
    // The certificate of `use` needs the PIN: that of the signature always, that of the authentication on a phone, as soon
    // as that was detected.
    bool certificate_wants_pin(KeyUse use) const noexcept { return use == KeyUse::signature || authentication_locked_; }
    // The card answers 9000 to every command, and has no JPKI application.
    bool foreign() const noexcept { return foreign_; }

    // --- certificates (card_certificates.cpp) ---
    // A certificate of `use`, the holder's or its CA's: Card::certificate.
    CertificateFile certificate_file(CardScope& scope, KeyUse use, Ef ef);
    // Removes the holder's certificate from the cache.
    void forget_certificate(KeyUse use);

    // --- other files ---
    // By key; no value: the card does not say.
    using Existence = std::array<std::optional<bool>, 2>;
    // EF 0008. May find that the card is foreign().
    Existence existence(CardScope& scope);
    // It could not be read; after the second time it is not read any more.
    void existence_failed() noexcept;
    bool has_key(CardScope& scope, KeyUse use);
    // EF 0006; no value when absent or malformed.
    std::optional<TokenInformation> token_information(CardScope& scope);
    void keep(const TokenInformation& information);
    // Public bytes that differ from card to card: Card::identity.
    const Bytes& identity(CardScope& scope);
    bool certificate_is_public(CardScope& scope);

    // The first bytes of the authentication certificate, if these were read; and whether they were read with a PIN verified.
    const Bytes& authentication_start() const noexcept { return authentication_start_; }
    bool authentication_read_with_pin() const noexcept { return authentication_read_with_pin_; }

    // Puts what was read into `known`.
    void publish(CardKnown& known) const;

private:
    FileAnswer read_and_parse(CardScope& scope, Ef ef, std::shared_ptr<const Certificate>& certificate);
    void read_file(CardScope& scope, KeyUse use, Ef ef);
    void keep_file(CardScope& scope, KeyUse use, Ef ef, std::shared_ptr<const Certificate> certificate);
    void check_chain(CardScope& scope, KeyUse use);
    bool chain_fits(KeyUse use) const;
    void forget_file(Ef ef);
    void doubt_certificates(KeyUse use);
    bool file_is_there(CardScope& scope, KeyUse use);
    void remember_start(Ef ef, const Bytes& data);
    FileAnswer read_existence(CardScope& scope, Existence& said);
    void look_at_authentication_certificate(CardScope& scope);
    void look_for_phone(CardScope& scope);

    SecurityStatus& status_;
    Log& log_;
    const ChainCheck chain_check_;

    std::atomic<bool> keys_known_ = false, foreign_ = false, authentication_locked_ = false;
    std::array<std::atomic<bool>, 2> absent_{};
    int existence_failures_ = 0;
    std::optional<Existence> existence_;
    std::array<std::optional<bool>, 2> has_key_{};
    std::optional<std::optional<TokenInformation>> token_information_;
    Bytes identity_;
    bool authentication_read_with_pin_ = false;
    Bytes authentication_start_;
    std::array<CertificateFile, 4> files_{};  // by certificate_slot
    std::array<bool, 4> file_known_{};
    std::array<bool, 4> told_odd_{};  // in the log
    // Matches its CA's (or is the CA's itself), or was read twice the same.
    std::array<std::shared_ptr<const Certificate>, 2> chained_{};
    std::array<bool, 2> certificates_doubted_{};
};

}  // namespace jpki
