#include "apdu/connection.hpp"

#include "apdu/iso7816.hpp"

#include <algorithm>

namespace jpki {

namespace {

std::optional<bool> try_select(Link::Transaction& transaction, ByteView aid, std::string& answer) {
    try {
        const std::uint16_t status = transaction.transmit(iso7816::select_application(aid)).status;
        if (status == sw::ok) return true;
        if (sw::says_no_such_reference(status)) return false;
        answer = "status " + hex16(status);
    } catch (const TransportFault&) {
        throw;
    } catch (const CardReset&) {
        throw;  // no answer from the card
    } catch (const CardFault& fault) {
        answer = fault.what();
    }
    return std::nullopt;
}

}  // namespace

std::optional<bool> select_application(Link::Transaction& transaction, ByteView aid, bool first_command, std::string& answer) {
    std::optional<bool> selected = try_select(transaction, aid, answer);
    if (!selected && first_command) selected = try_select(transaction, aid, answer);
    return selected;
}

Connection::Ended::~Ended() {
    connection.assert_turn();
    // Gone by set_gone() during the operation: nothing else would end the connection.
    if (connection.gone()) connection.give_up(connection.presence());
    for (CardApplication* application : connection.applications_) application->operation_ended();
}

void Connection::add(CardApplication& application) {
    const MutexLock turn(mutex_);
    applications_.push_back(&application);
}

void Connection::remove(CardApplication& application) {
    const MutexLock turn(mutex_);
    std::erase(applications_, &application);
    if (selected_ == &application) selected_ = nullptr;
    if (certain_ == &application) certain_ = nullptr;
}

// A second thread does not wait behind one that waits for a program with the card for minutes.
void Connection::take_turn() {
    if (mutex_.try_lock()) return;
    if (link_->held_exclusively()) throw CardBusy("reader is opened exclusively by another program");
    mutex_.lock();
}

bool Connection::may_be_open() const noexcept {
    return std::any_of(applications_.begin(), applications_.end(), [](const auto* one) { return one->may_be_open(); });
}

void Connection::set_gone(Presence reason) noexcept {
    auto expected = Presence::present;
    presence_.compare_exchange_strong(expected, reason, std::memory_order_acq_rel);
}

void Connection::leave_no_login_open() noexcept {
    if (transaction_ && (held_ || may_be_open())) transaction_->power_off_at_end();
}

void Connection::give_up(Presence reason) noexcept {
    set_gone(reason);
    leave_no_login_open();
    if (!transaction_ && may_be_open()) link_->power_off();
    held_ = false;
    transaction_.reset();
    // pcscd counts the connection as one to the next card in the reader, too: no program could open that exclusively.
    link_->let_go();
    for (CardApplication* application : applications_) application->security_status_ended();
}

void Connection::connect() {
    if_free([&] {
        assert_turn();
        watched([&] { link_->connect(); });
    });
}

void Connection::let_go() noexcept {
    if_free([&]() noexcept {
        assert_turn();
        if (gone()) return give_up(presence());
        if (transaction_ || may_be_open()) return;
        link_->let_go();
        let_go_ = true;
    });
}

void Connection::check() noexcept {
    if_free([&]() noexcept {
        assert_turn();
        if (!gone() && !link_->alive()) set_gone(Presence::removed);
        // Also of a card that another thread found removed meanwhile: its let_go() had no turn.
        if (gone()) give_up(presence());
    });
}

// --- a transaction ---------------------------------------------------------------------------------------------------

void Connection::begin() {
    certain_ = nullptr;
    transaction_.emplace(*link_);
    if (transaction_->was_reset()) {
        selected_ = nullptr;
        first_command_ = true;
        for (CardApplication* application : applications_) application->card_was_reset(transaction_->lost_power());
    }
    if (std::exchange(let_go_, false))
        for (CardApplication* application : applications_) application->connected_again();
}

Connection::Exchange::Exchange(Connection& connection) : connection_(connection) {
    if (!connection.transaction_) connection.begin();
}

Connection::Exchange::~Exchange() {
    connection_.assert_turn();
    if (!connection_.held_) connection_.transaction_.reset();
}

Link::Transaction& Connection::Exchange::transaction() noexcept {
    connection_.assert_turn();
    return *connection_.transaction_;
}

bool Connection::Exchange::select(CardApplication& application, bool first) {
    connection_.assert_turn();
    if (!application.select(transaction(), first_command() || first)) return false;
    confirm(application);
    for (CardApplication* other : connection_.applications_)
        if (other != &application) other->security_status_ended();
    return true;
}

bool Connection::Exchange::selected(const CardApplication& application) const noexcept {
    connection_.assert_turn();
    return connection_.selected_ == &application;
}

bool Connection::Exchange::certain(const CardApplication& application) const noexcept {
    connection_.assert_turn();
    return connection_.certain_ == &application;
}

void Connection::Exchange::confirm(CardApplication& application) noexcept {
    connection_.assert_turn();
    connection_.selected_ = connection_.certain_ = &application;
}

void Connection::Exchange::doubt() noexcept {
    connection_.assert_turn();
    connection_.certain_ = nullptr;
}

void Connection::Exchange::deselect() noexcept {
    connection_.assert_turn();
    connection_.selected_ = connection_.certain_ = nullptr;
}

void Connection::Exchange::end_security_status() noexcept {
    connection_.assert_turn();
    for (CardApplication* application : connection_.applications_) application->security_status_ended();
}

bool Connection::Exchange::first_command() noexcept {
    connection_.assert_turn();
    return std::exchange(connection_.first_command_, false);
}

void Connection::Exchange::hold(std::function<bool()> holder) {
    connection_.assert_turn();
    connection_.holder_ = std::move(holder);
    connection_.held_since_ = CardClock::now();
    connection_.held_ = true;
}

void Connection::Exchange::end_hold() noexcept {
    connection_.assert_turn();
    connection_.end_hold();
}

void Connection::Exchange::card_recognised() noexcept {
    connection_.assert_turn();
    connection_.link_->card_recognised();
}

void Connection::Exchange::card_replaced() noexcept {
    connection_.assert_turn();
    connection_.set_gone(Presence::replaced);
}

void Connection::Exchange::give_up(Presence reason) noexcept {
    connection_.assert_turn();
    connection_.give_up(reason);
}

}  // namespace jpki
