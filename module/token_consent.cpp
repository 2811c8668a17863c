// Consent to one signature: signature.consent = "each".
#include "module/token.hpp"

#include "module/caller.hpp"

namespace jpki {

namespace {

// Whether the calling thread works for that session, or reads its slot in a function that takes no session.
Card::Holder only(CK_SESSION_HANDLE session) {
    return [mine = Caller{caller_of_this_thread.slot, session}] {
        const Caller& now = caller_of_this_thread;
        return now.session == mine.session || (now.session == CK_INVALID_HANDLE && now.slot == mine.slot);
    };
}

}  // namespace

bool Token::needs_consent_each() const noexcept {
    return use_ == KeyUse::signature && services_.settings.consent == Settings::Consent::each;
}

// Ends whatever consent there is.
void Token::withdraw_consent() {
    {
        const MutexLock lock(mutex_);
        consenting_ = CK_INVALID_HANDLE;
    }
    card().end_hold();
}

void Token::withdraw_consent_whatever_the_card_says() noexcept {
    try {
        withdraw_consent();
    } catch (const CardRemoved&) {
        // and its PIN state with it
    } catch (const std::exception& fault) {
        services_.log.error("cannot reset the security status at the end of a consent; retrying before the next command");
        services_.log.error(fault.what());
    }
}

void Token::consent(const unsigned char* pin, CK_ULONG length, CK_SESSION_HANDLE session) {
    const MutexLock one_at_a_time(login_mutex_);
    require(logged_in(), CKR_USER_NOT_LOGGED_IN);
    const bool again = has_consent(session);
    try {
        const PinAnswer answer = ask_pin(pin, length, only(session));
        if (answer.kind != PinAnswer::Kind::accepted) refuse(answer);
    } catch (const Error& error) {
        if (error.rv == CKR_PIN_LOCKED) log_out_whatever_the_card_says();
        else if (again) withdraw_consent_whatever_the_card_says();
        throw;
    } catch (...) {
        if (again) withdraw_consent_whatever_the_card_says();
        throw;
    }
    {
        const MutexLock lock(mutex_);
        consenting_ = session;
    }
    services_.consent_given = true;
}

bool Token::is_consenting(CK_SESSION_HANDLE session) noexcept {
    const MutexLock lock(mutex_);
    return consenting_ == session;
}

bool Token::has_consent(CK_SESSION_HANDLE session) { return is_consenting(session) && card().held() && card().verified(use_); }

void Token::end_consent(CK_SESSION_HANDLE session) noexcept {
    if (!is_consenting(session)) return;  // without waiting for a login
    // Until the card's security status is reset, no other session may begin a consent: the reset would end it.
    const MutexLock one_at_a_time(login_mutex_);
    if (is_consenting(session)) withdraw_consent_whatever_the_card_says();
}

}  // namespace jpki
