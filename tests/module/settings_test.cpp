// Every key of the settings through the C ABI, with a good and a bad value; and a broken file: one log line
// and the defaults.
#include "settings_fixture.hpp"

#include "module/settings.hpp"

#include <chrono>
#include <pthread.h>

using namespace jpki::test;

BOOST_AUTO_TEST_CASE(signature_consent) {
    for (const bool wanted : {false, true}) {
        Fixture f(wanted ? each : at_login);
        BOOST_CHECK_EQUAL(consent_each(f), wanted);
    }
    Fixture f("");
    BOOST_CHECK(!consent_each(f));
}

BOOST_AUTO_TEST_CASE(mechanisms_pss) {
    for (const char* value : {"auto", "on", "off"}) {
        Fixture f(std::string("[mechanisms]\npss = \"") + value + "\"\n");
        BOOST_CHECK_EQUAL(offers_pss(), std::string(value) != "off");
    }
}

BOOST_AUTO_TEST_CASE(pin_keep_last_try) {
    for (const bool keep : {true, false}) {
        Knobs knobs;
        knobs.tries = {1, 1};
        Fixture f(keep ? "[pin]\nkeep_last_try = true\n" : "[pin]\nkeep_last_try = false\n", knobs);
        const auto session = f.open(auth_slot);
        CHECK_RV(f.login(session, auth_pin), keep ? CKR_PIN_LOCKED : CKR_OK);
        BOOST_CHECK_EQUAL(f.card->counts().verify[0], keep ? 0u : 1u);
    }
}

BOOST_AUTO_TEST_CASE(pin_pinpad_and_pinpad_letters) {
    const struct {
        const char* settings;
        bool auth, sign;
    } rows[] = {{"", true, false},
                {"[pin]\npinpad = true\n", true, false},
                {"[pin]\npinpad = false\n", false, false},
                {"[pin]\npinpad_letters = true\n", true, true},
                {"[pin]\npinpad = false\npinpad_letters = true\n", false, false}};
    for (const auto& row : rows) BOOST_TEST_CONTEXT(row.settings) {
            WithPad f(row.settings);
            BOOST_CHECK_EQUAL(takes_pins_at_the_pad(auth_slot), row.auth);
            BOOST_CHECK_EQUAL(takes_pins_at_the_pad(sign_slot), row.sign);
        }
}

BOOST_AUTO_TEST_CASE(reader_busy_timeout_ms) {
    for (const int patience : {0, 60}) {
        Fixture f("[reader]\nbusy_timeout_ms = " + std::to_string(patience) + "\n");
        const auto session = f.open(auth_slot);
        BOOST_REQUIRE(fake::other_begins_transaction(reader_name));
        const auto begin = std::chrono::steady_clock::now();
        CHECK_RV(f.login(session, auth_pin), CKR_FUNCTION_FAILED);
        const auto took = std::chrono::steady_clock::now() - begin;
        BOOST_CHECK(took >= std::chrono::milliseconds(patience));
        BOOST_CHECK(took < std::chrono::seconds(5));
        fake::other_closes(reader_name);
    }
}

BOOST_AUTO_TEST_CASE(log_file_and_level) {
    const struct {
        const char* level;
        bool error, info, debug;
    } rows[] = {
        {"off", false, false, false}, {"error", true, false, false}, {"info", true, true, false}, {"debug", true, true, true}};
    for (const auto& row : rows) BOOST_TEST_CONTEXT(row.level) {
            const Directory directory;
            {
                Fixture f("unknown = 1\n[log]\nfile = \"" + directory.path + "/log\"\nlevel = \"" + row.level + "\"\n");
                const auto session = f.open(auth_slot);
                CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);
                CHECK_RV(f.login(session, "0000"), CKR_PIN_INCORRECT);  // not sent again: an info line
            }
            BOOST_CHECK_EQUAL(lines_with(directory, " error: ") > 0, row.error);
            BOOST_CHECK_EQUAL(lines_with(directory, " info: ") > 0, row.info);
            BOOST_CHECK_EQUAL(lines_with(directory, " debug: ") > 0, row.debug);
            BOOST_CHECK_EQUAL(std::filesystem::exists(directory.path + "/log"), row.error);
            if (row.error) {
                struct stat status {};
                BOOST_REQUIRE(::stat((directory.path + "/log").c_str(), &status) == 0);
                BOOST_CHECK_EQUAL(status.st_mode & 0777, 0600u);
            }
        }
}

BOOST_AUTO_TEST_CASE(bad_value_keeps_default_and_is_one_log_line) {
    const struct {
        const char *table, *key;
        std::vector<const char*> bad;
    } rows[] = {{"signature", "consent", {"\"always\"", "true", "1", "[\"each\"]", "\"Each\"", "\"\""}},
                {"mechanisms", "pss", {"\"yes\"", "true", "0", "\"\""}},
                {"pin", "keep_last_try", {"\"true\"", "1", "[]", "1.5"}},
                {"pin", "pinpad", {"\"false\"", "0", "{}"}},
                {"pin", "pinpad_letters", {"\"true\"", "1"}},
                {"reader", "busy_timeout_ms", {"-1", "600001", "\"10\"", "1.5", "true", "9223372036854775807"}},
                {"log", "file", {"true", "7", "\"a\\u0000b\""}},
                {"log", "level", {"\"verbose\"", "3", "true"}}};
    for (const auto& row : rows)
        for (const char* bad : row.bad) BOOST_TEST_CONTEXT(row.table << "." << row.key << " = " << bad) {
                const Directory directory;
                const Environment log("JPKI_PKCS11_LOG", directory.path + "/log");
                WithPad f(std::string("\n[") + row.table + "]\n" + row.key + " = " + bad + "\n");
                BOOST_REQUIRE_EQUAL(directory.log().size(), 1u);
                const std::string line = directory.log().front();
                BOOST_CHECK_MESSAGE(line.find(":3: " + std::string(row.table) + "." + row.key + " must be ") != std::string::npos,
                                    line);
                // The visible defaults at once.
                BOOST_CHECK(!consent_each(f));
                BOOST_CHECK(offers_pss());
                BOOST_CHECK(takes_pins_at_the_pad(auth_slot) && !takes_pins_at_the_pad(sign_slot));
            }
}

BOOST_AUTO_TEST_CASE(bad_value_does_not_affect_good_values) {
    Fixture f("[signature]\nconsent = \"each\"\n[mechanisms]\npss = 7\n[pin]\npinpad = \"x\"\n");
    BOOST_CHECK(consent_each(f));
    BOOST_CHECK(offers_pss());
}

BOOST_AUTO_TEST_CASE(unknown_keys_and_tables_are_one_log_line_each) {
    const Directory directory;
    const Environment log("JPKI_PKCS11_LOG", directory.path + "/log");
    Fixture f("loose = 1\n[signature]\nconsent = \"each\"\nconcent = \"login\"\n[nothing]\na = 1\n");
    BOOST_CHECK_EQUAL(directory.log().size(), 3u);
    BOOST_CHECK_EQUAL(lines_with(directory, ":1: unknown key loose"), 1u);
    BOOST_CHECK_EQUAL(lines_with(directory, ":4: unknown key signature.concent"), 1u);
    BOOST_CHECK_EQUAL(lines_with(directory, ":6: unknown key nothing.a"), 1u);
    BOOST_CHECK(consent_each(f));
}

BOOST_AUTO_TEST_CASE(broken_file_is_one_log_line_and_defaults_apply) {
    const struct {
        std::string text;
        int line;
    } rows[] = {{"[signature]\nconsent = each\n", 2},
                {"[signature\nconsent = \"each\"\n", 1},
                {"[signature]\nconsent = \"each\n", 2},
                {"[signature]\nconsent = \"each\"\nconsent = \"login\"\n", 3},
                {"[signature]\nconsent = \"each\"\n]]\n", 3},
                {"[signature]\nconsent = \"each\"\nx = \"\xE3\x81\x82\"\n", 3},
                {std::string("[signature]\nconsent = \"each\"\n\0\x01\x02", 32), 3},
                {"[signature]\nconsent = \"each\"\n" + std::string(70000, '#'), 0},
                {"[signature]\nconsent = \"each\"\nx = " + std::string(5000, '[') + "\n", 3},
                // Without NDEBUG toml++ asserts these.
                {"[signature]\nconsent = \"each\"\nx = [}\n", 3},
                {"[signature]\nconsent = \"each\"\n[\n", 3}};
    for (const auto& row : rows) BOOST_TEST_CONTEXT(row.text.substr(0, 60)) {
            const Directory directory;
            const Environment log("JPKI_PKCS11_LOG", directory.path + "/log");
            Fixture f(row.text);
            BOOST_REQUIRE_EQUAL(directory.log().size(), 1u);
            const std::string line = directory.log().front();
            BOOST_CHECK_MESSAGE(line.find(temporary_directory() + "/jpki-settings-") != std::string::npos, line);
            BOOST_CHECK_MESSAGE(line.find(":" + std::to_string(row.line) + ": ") != std::string::npos, line);
            BOOST_CHECK(!consent_each(f));
        }
}

BOOST_AUTO_TEST_CASE(rejected_log_file_has_no_effect) {
    const Directory directory;
    for (const bool zero_byte : {true, false}) {
        Fixture f("[log]\nfile = \"" + directory.path + "/log" + (zero_byte ? "\\u0000b" : "") + "\"\nlevel = \"debug\"\n");
        f.open(auth_slot);
        BOOST_CHECK_EQUAL(std::filesystem::exists(directory.path + "/log"), !zero_byte);
    }
}

BOOST_AUTO_TEST_CASE(rejected_value_keeps_value_of_other_source) {
    jpki::Settings settings;
    jpki::apply_settings(
        "[log]\nfile = \"/first\"\nlevel = \"error\"\n[signature]\nconsent = \"each\"\n[mechanisms]\npss = "
        "\"off\"\n[reader]\nbusy_timeout_ms = 5\n",
        "one", settings);
    BOOST_CHECK(settings.complaints.empty());
    jpki::apply_settings(
        "[log]\nfile = \"/second\\u0000\"\nlevel = \"x\"\n[signature]\nconsent = \"x\"\n[mechanisms]\npss = "
        "\"x\"\n[reader]\nbusy_timeout_ms = -1\n",
        "two", settings);
    BOOST_CHECK_EQUAL(settings.complaints.size(), 5u);
    BOOST_CHECK_EQUAL(settings.log_file, "/first");
    BOOST_CHECK(settings.log_level == jpki::LogLevel::error && settings.consent == jpki::Settings::Consent::each);
    BOOST_CHECK(settings.pss == jpki::Settings::Pss::off && settings.busy_timeout == std::chrono::milliseconds(5));
}

BOOST_AUTO_TEST_CASE(nesting_in_64_kib_does_not_overrun_small_stack) {
    const auto repeated = [](const std::string& part, const std::string& end) {
        std::string text;
        while (text.size() + part.size() + end.size() < 64 * 1024) text += part;
        return text + end;
    };
    std::vector<std::string> texts = {repeated("a.", "a = 1\n"),      "[" + repeated("a.", "a]\n"),
                                      "[[" + repeated("a.", "a]]\n"), "x = " + repeated("[", "\n"),
                                      "x = " + repeated("{a=", "\n"), repeated("\"a\".", "a = 1\n"),
                                      repeated("'a' . ", "a = 1\n"),  "x = {" + repeated("a.", "a = 1}\n"),
                                      "x = " + repeated("[\n", "\n"), "x = \"\"\"" + repeated("a.", "\n"),
                                      repeated("a.\n", "\n")};
    static const std::vector<std::string>* all;
    all = &texts;
    static std::size_t complaints;
    complaints = 0;
    // 128 KiB: musl's thread stack, and the smallest size that hosts with many threads choose.
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    BOOST_REQUIRE(pthread_attr_setstacksize(&attributes, 128 * 1024) == 0);
    pthread_t thread;
    BOOST_REQUIRE(pthread_create(
                      &thread, &attributes,
                      [](void*) -> void* {
                          for (const std::string& text : *all) {
                              jpki::Settings settings;
                              jpki::apply_settings(text, "file", settings);
                              complaints += settings.complaints.size();
                          }
                          return nullptr;
                      },
                      nullptr) == 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    BOOST_CHECK_EQUAL(complaints, texts.size());
}

BOOST_AUTO_TEST_CASE(path_can_have_many_dots_and_brackets) {
    jpki::Settings settings;
    jpki::apply_settings(
        "[log]\nfile = \"/a.b.c.d.e.f.g.h.i.j.k/[[[[[[[[[[{{{{\\\"#.x\" # . . . . . . . . . [[[[[[[[[\nlevel = 'error'\n", "file",
        settings);
    BOOST_CHECK(settings.complaints.empty());
    BOOST_CHECK_EQUAL(settings.log_file, "/a.b.c.d.e.f.g.h.i.j.k/[[[[[[[[[[{{{{\"#.x");
    BOOST_CHECK(settings.log_level == jpki::LogLevel::error);
}

BOOST_AUTO_TEST_CASE(dots_and_brackets_in_literal_string_do_not_count) {
    for (const char* line :
         {"file = '/a.b.c.d.e.f.g.h.i.j.k/[[[[[[[[[[{{{{\"\\'", "file = \"/it's.b.c.d.e.f.g.h.i.j.k/[[[[[[[[[[{{{{\""}) {
        jpki::Settings settings;
        jpki::apply_settings(std::string("[log]\n") + line + "\n", "file", settings);
        BOOST_CHECK(settings.complaints.empty());
        BOOST_CHECK_GT(settings.log_file.size(), 20u);
    }
}

BOOST_AUTO_TEST_CASE(unknown_key_reaches_log_as_printable_ascii_of_bounded_length) {
    jpki::Settings settings;
    jpki::apply_settings("\"a\\n\\u001B[31m\\u00E9 b\\u007F\" = 1\n" + std::string(100, 'k') + " = 1\n", "file", settings);
    BOOST_REQUIRE_EQUAL(settings.complaints.size(), 2u);
    BOOST_CHECK_EQUAL(settings.complaints[0], "file:1: unknown key a??[31m???b?");
    BOOST_CHECK_EQUAL(settings.complaints[1], "file:2: unknown key " + std::string(60, 'k'));
}

BOOST_AUTO_TEST_CASE(invalid_file_does_not_fill_log) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "key" + std::to_string(i) + " = 1\n";
    jpki::Settings settings;
    jpki::apply_settings(text, "file", settings);
    BOOST_CHECK_EQUAL(settings.complaints.size(), 20u);
    BOOST_CHECK_EQUAL(settings.complaints.back(), "file:0: further errors not shown");
}

BOOST_AUTO_TEST_CASE(comments_can_be_in_any_script) {
    const Directory directory;
    const Environment log("JPKI_PKCS11_LOG", directory.path + "/log");
    Fixture f("# 署名のたびに\n[signature]\n  # はい\nconsent = \"each\"\n");
    BOOST_CHECK(directory.log().empty());
    BOOST_CHECK(consent_each(f));
}
