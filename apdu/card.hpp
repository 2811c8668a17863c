// One card until its removal: the connection, what was read of it, and the next commands to it.
// Decides when the application must be selected first, when an answer may be another application's, and what is cached.
#pragma once

#include "apdu/applet.hpp"
#include "apdu/card_application.hpp"
#include "apdu/card_clock.hpp"
#include "apdu/card_files.hpp"
#include "apdu/card_known.hpp"
#include "apdu/card_scope.hpp"
#include "apdu/connection.hpp"
#include "apdu/errors.hpp"
#include "apdu/log.hpp"
#include "apdu/pin_source.hpp"
#include "apdu/security_status.hpp"
#include "apdu/thread_safety.hpp"
#include "apdu/token_information.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>

namespace jpki {

// All members may be called from any thread; each is one PC/SC transaction, but for `hold`. Commands are counted in
// the comments for a card with the short forms. All throw CardRemoved, CardBusy and CardFault (errors.hpp); after
// CardRemoved or TransportFault the object is gone(): it throws CardRemoved from then on, and sends no command any more.
// Data that an earlier operation read and cached ("once") is returned from memory: no transaction, no wait for another program
// that has one, nor for another thread's command.
class Card final : private CardApplication {
public:
    using ChainCheck = CardFiles::ChainCheck;

    // Without `chain_check` a holder's certificate is not checked with its CA certificate.
    Card(std::unique_ptr<Link> link, Log& log, ChainCheck chain_check = {});
    // On a connection that other applications of the card use too.
    Card(std::shared_ptr<Connection> connection, Log& log, ChainCheck chain_check = {});
    ~Card() override;
    Card(const Card&) = delete;
    Card& operator=(const Card&) = delete;

    // Selects the application for the first time (1 command, 2 when the first answer is odd: Applet::select).
    // False: a foreign card, by its answer or after two odd answers; it gets no further command. With keys in
    // `overview`, the same transaction reads what a list of tokens shows: which keys exist, the identity, the retry counters of
    // these keys (1 command each).
    bool recognise(std::span<const KeyUse> overview = {});
    bool recognised() const noexcept { return recognised_ && !files_.foreign(); }

    // recognise(), and which keys the card has (EF 0008), for what shows which tokens exist: at most 3 commands, once. Waits
    // for no other program; for another thread that recognises the same card, at most a second. No value: another program or an
    // operation of this process uses the card now.
    std::optional<bool> look();
    // Whether look() has nothing left to read. Sends nothing, does not wait.
    bool looked_at() const noexcept { return files_.keys_known(); }
    // Whether the card is known to lack `use`. Sends nothing, does not wait.
    bool known_absent(KeyUse use) const noexcept { return files_.known_absent(use); }

    // Connects unless it is connected, so that a removal is noticed (0 commands, no wait for transactions of a program that came
    // later). Must not be called during an operation: it connects.
    void connect() { connection_.connect(); }

    // Ends the connection, so that another program can open the card exclusively. Cached data is kept; the next
    // operation connects again and checks that it is the same card. Does nothing during an operation (of a card that is gone,
    // the operation's end does it) or while a login of this process may be open at the card. Sends nothing to the card.
    void let_go() noexcept { connection_.let_go(); }

    bool gone() const noexcept { return connection_.gone(); }
    Presence presence() const noexcept { return connection_.presence(); }
    // The slot table has detected the removal. Does not wait for a running operation.
    void set_gone() noexcept { connection_.set_gone(Presence::removed); }

    // Asks PC/SC whether the connection is lost, unless an operation is running (which will notice itself). Does not wait,
    // sends nothing to the card. Afterwards gone() is up to date.
    void check_connection() noexcept { connection_.check(); }

    // What C_GetTokenInfo shows of a key; without the key only that it is absent. All that is not known yet is read in one
    // transaction: at most 4 commands if the card was recognised, and 5 on a card that has no EF 0008 or lacks the key.
    struct Overview {
        bool has_key = false;
        Bytes identity;
        TriesAnswer tries;
    };
    Overview overview(KeyUse use, std::chrono::milliseconds max_age);

    // EF 0006 (2 commands, once). No value: absent or malformed.
    std::optional<TokenInformation> token_information();

    // Whether the card has `use`: from EF 0008 (1 command, once, or twice if a key is missing); if that does not say,
    // whether there is a certificate (1 command more, 2 if there is none).
    bool has_key(KeyUse use);

    // Public bytes that differ from card to card: the first 256 of the authentication certificate; of a card that does not
    // have it and of a phone, which shows it after the PIN only, EF 0006 and the first bytes of the CA certificates, with or
    // without a login. 1 command, once; 3 or 4 in the second case.
    Bytes identity();

    // A certificate of `use`, the holder's or its CA's. Locked and absent are results too; data read is cached.
    // 1 command per 256 bytes, once. If both are known, the holder's must be signed by the CA's and that by itself; those that
    // do not match are read again, and two equal reads are accepted. Throws CardFault if they differ, and
    // UnusableFile for a file that does not contain a certificate.
    CertificateFile certificate(KeyUse use) { return file(use, facts_of(use).certificate); }
    CertificateFile ca_certificate(KeyUse use) { return file(use, facts_of(use).ca); }
    // The same from the cache, NULL if it is not cached. Sends nothing.
    std::shared_ptr<const Certificate> known_certificate(KeyUse use) const;
    // Whether the key of `use` may be offered as far as known (1 command, once, if EF 0008 does not say). False:
    // there is no certificate, or not one that the key of this card can have.
    bool may_offer_key(KeyUse use);
    // Whether the certificates of `use` did not match in two differing reads, and have not been valid since.
    bool certificates_doubted(KeyUse use) const { return known()->certificates_doubted[index_of(use)]; }

    // Tries left, not older than `max_age`. No value: no such PIN. 2 commands; if the other key's count was read before
    // and is older than that it is read again too, with 1 more.
    TriesAnswer tries(KeyUse use, std::chrono::milliseconds max_age);
    // The last known count, of any age; sends nothing.
    TriesAnswer last_heard_tries(KeyUse use);

    // Whether the calling thread may use a held transaction.
    using Holder = std::function<bool()>;
    // SELECT and VERIFY (2 commands). With LastTry::withhold the count is asked for first (3 commands), and the answer is
    // `last_try_withheld`, without a VERIFY, when it is 1. `hold`, where given: once accepted, the transaction stays open until
    // reset_security_status() or end_hold(), and what the holder asks of the card meanwhile is part of it (consent for each
    // signature: VERIFY and signature are one transaction). The first command that anybody else in this process needs ends the
    // hold and resets the card's security status before. When nobody is logged in by it, because the answer was lost or not the
    // right one, no PIN state is left at the card. An answer that the card gave is returned even if the connection failed after
    // it; the object is gone() then.
    PinAnswer verify(KeyUse use, PinSource& source, LastTry last_try, Holder hold = {});

    // SELECT, VERIFY of the old PIN, CHANGE (3 commands). `changed` is false with kind accepted when the old PIN was
    // accepted and the change was not: the old PIN is still valid.
    struct ChangeAnswer : PinAnswer {
        bool changed = false;
    };
    ChangeAnswer change_pin(KeyUse use, PinSource& source, LastTry last_try);

    // One signature (1 command). `not_verified`: `use` is not logged in, or the login is lost at the card.
    SignAnswer sign(KeyUse use, const SignatureScheme& scheme, ByteView data);

    // Whether PSS is known to work (apdu/README.md, sign command): EF 0006 names a model on which it was measured (2 commands),
    // or the card's answer to P1 = 04 differs from that to an unknown P1 (2 more, neither can sign). Known permanently, or probed
    // again once `use` is logged in: a card that checks the PIN first answers neither before.
    bool has_pss(KeyUse use);
    // Whether a signature was rejected because the card does not have PSS, or a probe showed it. Sends nothing.
    bool known_to_lack_pss() const { return known()->pss == std::optional<bool>(false); }

    // Whether the last VERIFY of `use` was accepted and no later answer ended the login. Does not wait.
    // (After a reset that may have been a loss of power the next signature shows it; still_verified() checks.)
    bool verified(KeyUse use) const noexcept { return !gone() && status_.verified(use); }
    // verified(), with a check for a loss of power (0 commands). After a reset that may have been one the card gets
    // a command that cannot sign (2 commands), whose answer shows whether the login is lost.
    bool still_verified(KeyUse use);
    // Whether a login of this process may be open at the card, although no user may be logged in by it: reset_security_status()
    // ends that, or the end of the connection if the card is gone().
    bool may_be_open() const noexcept override { return status_.may_be_open(); }
    // Marks `use` as logged out, without a command to the card. Returns whether its certificate was removed from the
    // cache: one that needs the PIN, or may need it because it was only ever read with it, is not kept without it.
    bool forget(KeyUse use);
    // The certificate of `use` needs the PIN: that of the signature always, that of the authentication on a phone, as soon
    // as that was detected. Sends nothing.
    bool certificate_wants_pin(KeyUse use) const noexcept { return files_.certificate_wants_pin(use); }
    // Whether the authentication certificate exists and is public (1 command, once).
    bool certificate_is_public();
    // Runs `f` inside a transaction, with nothing sent to the card: for commands to the reader.
    void exclusively(const std::function<void()>& f);

    // Ends all logins at the card: selects the issuer security domain (1 command), or powers the card off if it does not
    // select it. Also ends a hold. If it fails with CardBusy, the next transaction begins with it.
    void reset_security_status();
    // For the end of the process (card_exit.cpp): as reset_security_status() if may_be_open(). Waits until `deadline` for other
    // threads and other programs; later calls do not wait. Returns false, with a line in the log, if a login may still be open.
    bool reset_security_status_by(CardClock::time_point deadline) noexcept;
    // As reset_security_status(), after the logout of the other key, unless `use` is logged in or nothing may be open: decided
    // while no operation is running. A hold ends if the other key was open, since it is that key's.
    void reset_security_status_unless_verified(KeyUse use);
    // Whether a transaction is held. Does not wait.
    bool held() const noexcept { return connection_.held(); }
    // Ends a hold, if there is one, as reset_security_status() does.
    void end_hold();
    // The same for a hold that began at least `age` ago; does nothing during an operation.
    void end_hold_older_than(std::chrono::milliseconds age);

private:
    using Scope = CardScope;
    template <class F> auto run(F&& f);
    bool select(Link::Transaction& transaction, bool first_command) override;
    void card_was_reset(bool lost_power) override;
    void connected_again() override { state_.unconfirmed = true; }
    void security_status_ended() noexcept override { status_.end_logins(); }
    void prepare() override;
    void operation_ended() noexcept override;
    bool recognise_in(Scope& scope);
    bool look_in(Scope& scope);
    template <class F> auto in_transaction(F&& f);
    void reset_security_status_now();
    bool reset_security_status_within(CardClock::time_point deadline) noexcept;
    std::shared_ptr<const CardKnown> known() const;
    std::optional<CertificateFile> known_file(KeyUse use, Ef ef) const;
    CertificateFile file(KeyUse use, Ef ef);
    void bring_tries_up_to_date(Scope& scope, KeyUse use, std::chrono::milliseconds max_age);
    bool has_pss(Scope& scope, KeyUse use);
    enum class Purpose { login, change };
    PinAnswer verify_in(Scope& scope, KeyUse use, Purpose purpose, PinSource& source, LastTry last_try);
    ChangeAnswer change_in(Scope& scope, KeyUse use, const PinAnswer& verified, PinSource& source);
    void select_issuer_security_domain(Scope& scope);
    void leave_if_unused(Scope& scope);
    void hear_tries(Scope& scope, KeyUse use);

    const std::shared_ptr<Connection> shared_connection_;
    Connection& connection_;
    Log& log_;

    mutable Mutex known_mutex_;  // never held over I/O, taken last
    std::shared_ptr<const CardKnown> known_ JPKI_GUARDED_BY(known_mutex_) = std::make_shared<const CardKnown>();

    // Everything below is written by one operation at a time (Connection); what is atomic is read by anyone.
    SecurityStatus status_;
    CardFiles files_;
    CardState state_{*this, status_, files_};
    std::atomic<bool> recognised_ = false;
    bool foreign_ = false;  // the card answered that it does not have the application
    std::optional<bool> pss_;
    std::array<PssAsked, 2> pss_asked_{};
};

}  // namespace jpki
