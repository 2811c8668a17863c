// Random sequences of calls with right and wrong PINs, faults, other programs and removals: the tries that the card has
// left at the end are explained by the caller's wrong PINs, never one less.
// JPKI_PROPERTY_SEQUENCES runs more of them, JPKI_PROPERTY_SEED others.
#include "pin_fixture.hpp"
#include "test_clock.hpp"

#include "apdu/pcsc_link.hpp"

#include <cstdlib>
#include <map>
#include <random>

using namespace jpki::test;

namespace {

unsigned number_from(const char* variable, unsigned otherwise) {
    const char* value = std::getenv(variable);
    return value ? static_cast<unsigned>(std::strtoul(value, nullptr, 10)) : otherwise;
}

class Sequence {
public:
    explicit Sequence(unsigned seed)
        : random_(seed), knobs_(random_knobs()), keep_(one_in(4)), each_(one_in(3)), f_(settings(), knobs_) {
        for (const KeyUse use : both_keys) left_[index(use)] = knobs_.tries[index(use)];
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            for (const KeyUse use : both_keys) BOOST_REQUIRE_EQUAL(f_.card->tries(use), left_[index(use)]);
        }
        // In any case C_Finalize leaves nothing open. (A pending fault could affect its only command.)
        f_.card->inject({});
        REQUIRE_OK(C_Finalize(nullptr));
        for (const KeyUse use : both_keys) BOOST_CHECK_MESSAGE(!f_.card->verified(use), "open after C_Finalize: " << index(use));
        BOOST_CHECK_EQUAL(f_.card->counts().issuer_commands, 0u);
    }

    std::size_t pins_given = 0, tries_spent = 0, faults = 0;

private:
    unsigned below(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }
    bool one_in(unsigned n) { return below(n) == 0; }

    Knobs random_knobs() {
        Knobs knobs;
        knobs.short_forms = !one_in(4);
        knobs.query_needs_le = one_in(4);
        knobs.reselect_clears_pin = one_in(4);
        knobs.reset_clears_pin = one_in(4);
        knobs.failure_clears_other_login = one_in(4);
        knobs.one_pin_at_a_time = one_in(4);
        knobs.answers_61xx = one_in(4);
        knobs.first_command_6f00 = one_in(4);
        knobs.blocked_query = static_cast<Knobs::TriesForm>(below(3));
        knobs.blocked_verify = static_cast<Knobs::TriesForm>(below(3));
        return knobs;
    }
    std::string settings() const {
        return std::string("[pin]\nkeep_last_try = ") + (keep_ ? "true" : "false") + "\n[signature]\nconsent = \"" +
               (each_ ? "each" : "login") + "\"\n[reader]\nbusy_timeout_ms = 20\n";
    }

    std::string some_pin(KeyUse use) {
        if (one_in(3)) return f_.card->pin(use);
        if (one_in(4)) return use == KeyUse::authentication ? "12 4" : "SHORT";  // cannot be right
        return (use == KeyUse::authentication ? "770" : "WRONG") + std::to_string(below(4));
    }
    static bool well_formed(KeyUse use, const std::string& pin) {
        if (use == KeyUse::authentication) return pin != "12 4";
        return pin != "SHORT";
    }

    CK_SESSION_HANDLE session(KeyUse use) {
        CK_SESSION_HANDLE& handle = sessions_[index(use)];
        CK_SESSION_INFO info{};
        if (handle == 0 || C_GetSessionInfo(handle, &info) != CKR_OK) {
            handle = 0;
            C_OpenSession(slot_of(use), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle);
        }
        return handle;
    }

    // One call with `pin` as the current PIN of `use`. `call` returns its CK_RV.
    template <class Call> CK_RV give(KeyUse use, const std::string& pin, Call&& call) {
        const std::size_t at = index(use);
        const bool right = pin == f_.card->pin(use);
        const bool fault_waits = f_.card->fault_pending();
        const auto before = f_.card->counts();
        const int tries_before = f_.card->tries(use);
        const CK_RV rv = call();
        ++pins_given;
        const auto after = f_.card->counts();
        const std::size_t sent = after.verify[at] - before.verify[at], wrong = after.wrong[at] - before.wrong[at];
        BOOST_REQUIRE_LE(sent, 1u);
        BOOST_REQUIRE_LE(wrong, sent);
        BOOST_REQUIRE_EQUAL(after.verify[1 - at], before.verify[1 - at]);  // a PIN is never sent to the other key
        if (!well_formed(use, pin)) BOOST_REQUIRE_EQUAL(sent, 0u);
        if (right) BOOST_REQUIRE_EQUAL(wrong, 0u);
        if (keep_ && tries_before <= 1) BOOST_REQUIRE_EQUAL(sent, 0u);
        auto& known = known_[at];
        if (known.contains(pin) && known[pin] == Known::surely) BOOST_REQUIRE_EQUAL(sent, 0u);
        if (rv == CKR_OK) BOOST_REQUIRE(right);
        const bool struck = fault_waits && !f_.card->fault_pending();
        if (!struck && tries_before > 0 && sent == 1) BOOST_REQUIRE_EQUAL(wrong, right ? 0u : 1u);
        // Explained by the caller's PIN.
        if (wrong == 1) --left_[at];
        else if (sent == 1 && right && tries_before > 0) left_[at] = knobs_.max_tries[at];
        tries_spent += wrong;
        if (struck) ++faults;
        if (rv == CKR_PIN_INCORRECT && wrong == 1 && !struck) known[pin] = Known::surely;
        if (rv == CKR_OK || (sent == 1 && right)) known.clear();
        return rv;
    }

    void step() {
        const KeyUse use = one_in(2) ? KeyUse::authentication : KeyUse::signature;
        const CK_SESSION_HANDLE handle = session(use);
        const std::string pin = some_pin(use);
        switch (below(20)) {
        case 0:
        case 1:
        case 2:
        case 3: give(use, pin, [&] { return f_.login(handle, pin); }); break;
        case 4: {
            const std::string fresh = (use == KeyUse::authentication ? "880" : "FRESH") + std::to_string(below(3));
            give(use, pin, [&] { return set_pin(handle, pin, fresh); });
            known_[index(use)].erase(f_.card->pin(use));  // a new PIN may be one that was wrong before
            break;
        }
        case 5:
        case 6:
        case 7: sign(use, handle, pin); break;
        case 8: C_Logout(handle); break;
        case 9: C_CloseSession(handle); break;
        case 10: C_CloseAllSessions(slot_of(use)); break;
        case 11: {
            CK_TOKEN_INFO info{};
            C_GetTokenInfo(slot_of(use), &info);
            break;
        }
        case 12:
        case 13: {  // a fault in one of the next commands
            constexpr Fault::Kind kinds[] = {Fault::Kind::card_gone, Fault::Kind::card_gone_after, Fault::Kind::reset,
                                             Fault::Kind::sw_6f00,   Fault::Kind::unknown_status,  Fault::Kind::truncated,
                                             Fault::Kind::too_long,  Fault::Kind::empty,           Fault::Kind::bits_flipped};
            f_.card->inject({kinds[below(std::size(kinds))], below(5)});
            break;
        }
        case 14:
            f_.card->inject({});
            put_in();
            fake::remove_card(reader_name);
            forget();
            break;
        case 15:
            f_.card->inject({});
            fake::other_resets(reader_name);
            break;
        case 16: f_.card->other_program_selects_another_application(); break;
        case 17:
            f_.card->inject({});
            C_Finalize(nullptr);
            REQUIRE_OK(C_Initialize(nullptr));
            {
                CK_ULONG count = 0;
                C_GetSlotList(CK_FALSE, nullptr, &count);
            }
            sessions_ = {};
            forget();
            break;
        case 18:  // another program spends a try, or resets the counter
            f_.card->set_tries(
                use, left_[index(use)] = static_cast<int>(below(static_cast<unsigned>(knobs_.max_tries[index(use)]) + 1)));
            break;
        case 19: find(handle); break;
        }
        put_in();
    }

    void find(CK_SESSION_HANDLE handle) {
        CK_OBJECT_HANDLE found[8];
        CK_ULONG count = 0;
        if (C_FindObjectsInit(handle, nullptr, 0) != CKR_OK) return;
        C_FindObjects(handle, found, 8, &count);
        C_FindObjectsFinal(handle);
    }

    void sign(KeyUse use, CK_SESSION_HANDLE handle, const std::string& pin) {
        CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
        CK_ATTRIBUTE wanted = {CKA_CLASS, &object_class, sizeof object_class};
        CK_OBJECT_HANDLE key = 0;
        CK_ULONG count = 0;
        if (C_FindObjectsInit(handle, &wanted, 1) != CKR_OK) return;
        C_FindObjects(handle, &key, 1, &count);
        C_FindObjectsFinal(handle);
        if (count == 0 || sign_init(handle, key) != CKR_OK) return;
        if (each_ && use == KeyUse::signature && !one_in(4))
            give(use, pin, [&] { return f_.login(handle, pin, CKU_CONTEXT_SPECIFIC); });
        if (!one_in(4)) finish_sign(handle);
        else if (one_in(2)) C_SignInit(handle, nullptr, 0);
    }

    // A card that a fault or a step removed is inserted again.
    void put_in() {
        CK_SLOT_INFO info{};
        if (C_GetSlotInfo(auth_slot, &info) == CKR_OK && (info.flags & CKF_TOKEN_PRESENT)) return;
        f_.card->inject({});
        try {
            fake::insert_card(reader_name, f_.card);
        } catch (const std::logic_error&) {
        }
        forget();
    }
    void forget() {
        for (auto& known : known_) known.clear();
    }

    enum class Known { surely };
    std::mt19937 random_;
    const Knobs knobs_;
    const bool keep_, each_;
    Fixture f_;
    std::array<int, 2> left_{};
    std::array<CK_SESSION_HANDLE, 2> sessions_{};
    std::array<std::map<std::string, Known>, 2> known_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(property, *boost::unit_test::fixture<test_clock::SleepsTakeNoTime>())

BOOST_AUTO_TEST_CASE(retry_counters_equal_number_of_callers_wrong_pins) {
    const unsigned first = number_from("JPKI_PROPERTY_SEED", 20240401), sequences = number_from("JPKI_PROPERTY_SEQUENCES", 150);
    std::size_t pins = 0, spent = 0, faults = 0;
    for (unsigned seed = first; seed < first + sequences; ++seed) {
        BOOST_TEST_CONTEXT("JPKI_PROPERTY_SEED=" << seed << " JPKI_PROPERTY_SEQUENCES=1") {
            Sequence sequence(seed);
            sequence.run(60);
            pins += sequence.pins_given;
            spent += sequence.tries_spent;
            faults += sequence.faults;
        }
    }
    std::printf("counted: seeds %u to %u: %zu PINs given, %zu tries spent, %zu faults in between\n", first, first + sequences - 1,
                pins, spent, faults);
    BOOST_CHECK_GT(spent, 0u);
}

BOOST_AUTO_TEST_SUITE_END()
