// A connection with an application of another AID, without the JPKI classes.
#pragma once

#include "apdu/connection.hpp"
#include "apdu/iso7816.hpp"
#include "scripted_link.hpp"

#include <functional>
#include <memory>
#include <string>

namespace apdu_test {

using namespace jpki;

constexpr const char* support_aid = "D3921000310001010408";
constexpr const char* issuer_aid = "A0000001510000";

// An application with nothing but an AID and one file.
class OtherApplication final : public CardApplication {
public:
    OtherApplication(Connection& connection, const char* aid) : connection_(connection), aid_(hex(aid)) {
        connection_.add(*this);
    }
    ~OtherApplication() override { connection_.remove(*this); }

    // The first four bytes of the file with SFI 1: selects the application unless it is certain to be selected.
    Bytes read() {
        return connection_.run([&](Connection::Exchange& exchange) {
            if (!exchange.certain(*this) && !exchange.select(*this)) throw CardFault("no such application");
            return exchange.transaction().transmit(iso7816::read_binary_by_sfi(1, 0, 4)).data;
        });
    }

    bool open = false;
    std::function<void()> when_ended{};  // at the end of each operation
    int status_ended = 0, operations = 0, prepared = 0, reconnected = 0;

private:
    bool select(Link::Transaction& transaction, bool first_command) override {
        std::string answer;
        const auto selected = select_application(transaction, aid_, first_command, answer);
        if (!selected) throw CardFault(answer);
        return *selected;
    }
    void card_was_reset(bool) override {}
    void connected_again() override { ++reconnected; }
    void security_status_ended() noexcept override { open = false, ++status_ended; }
    bool may_be_open() const noexcept override { return open; }
    void prepare() override { ++prepared; }
    void operation_ended() noexcept override {
        ++operations;
        if (when_ended) when_ended();
    }

    Connection& connection_;
    const Bytes aid_;
};

// Over a link whose answers are written down.
struct Scripted {
    explicit Scripted(std::initializer_list<std::string_view> answers)
        : link(new ScriptedLink(answers)), connection(std::unique_ptr<Link>(link), log) {}
    Log log;
    ScriptedLink* link;  // the connection's
    Connection connection;
};

}  // namespace apdu_test
