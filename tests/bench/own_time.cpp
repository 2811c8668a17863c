// jpki-bench-own-time: the module's own time for a signature, without the card and pcscd.
//
// C_SignInit and C_Sign on the fake of SCard*, minus the time in SCardTransmit. The fake's time for
// transactions and other functions is included, so the figure is an upper bound.
#include "module/pkcs11.hpp"

#include "card_model.hpp"
#include "fake_pcsc.hpp"
#include "test_pki.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <iostream>

namespace {

constexpr double limit_microseconds = 1000;

// Two clocks: elapsed time and processor time. On a busy machine only the latter is the module's.
struct Time {
    double wall = 0, cpu = 0;  // microseconds

    static Time now() {
        timespec cpu_time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_time);
        return {std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count(),
                static_cast<double>(cpu_time.tv_sec) * 1e6 + static_cast<double>(cpu_time.tv_nsec) / 1e3};
    }
    Time operator-(const Time& other) const { return {wall - other.wall, cpu - other.cpu}; }
    Time operator+(const Time& other) const { return {wall + other.wall, cpu + other.cpu}; }
};

Time inside_transmit;

}  // namespace

// The linker redirects the module's calls here (--wrap).
extern "C" {
LONG __real_SCardTransmit(SCARDHANDLE, const SCARD_IO_REQUEST*, LPCBYTE, DWORD, SCARD_IO_REQUEST*, LPBYTE, LPDWORD);
LONG __wrap_SCardTransmit(SCARDHANDLE handle, const SCARD_IO_REQUEST* send, LPCBYTE command, DWORD command_size,
                          SCARD_IO_REQUEST* receive, LPBYTE answer, LPDWORD answer_size) {
    const Time before = Time::now();
    const LONG rc = __real_SCardTransmit(handle, send, command, command_size, receive, answer, answer_size);
    inside_transmit = inside_transmit + (Time::now() - before);
    return rc;
}
}

namespace {

using namespace jpki;

void check(CK_RV rv, const char* function) {
    if (rv != CKR_OK) throw std::runtime_error(std::string(function) + " returned " + std::to_string(rv));
}

CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, unsigned char id) {
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &object_class, sizeof object_class}, {CKA_ID, &id, sizeof id}};
    check(C_FindObjectsInit(session, wanted, 2), "C_FindObjectsInit");
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    check(C_FindObjects(session, &object, 1, &count), "C_FindObjects");
    check(C_FindObjectsFinal(session), "C_FindObjectsFinal");
    if (count != 1) throw std::runtime_error("an object is missing");
    return object;
}

struct Case {
    const char* name;
    CK_SLOT_ID slot;
    const char* pin;
    bool certificate_first;  // the module then checks each signature with the public key before it returns it
    CK_MECHANISM_TYPE mechanism;
};

constexpr Case cases[] = {
    {"authentication, PKCS#1 v1.5, certificate not read", 0, "1234", false, CKM_SHA256_RSA_PKCS},
    {"authentication, PKCS#1 v1.5, checked with the public key", 0, "1234", true, CKM_SHA256_RSA_PKCS},
    {"authentication, PSS, checked with the public key", 0, "1234", true, CKM_SHA256_RSA_PKCS_PSS},
    {"signature, PKCS#1 v1.5, checked with the public key", 1, "ABC123", true, CKM_SHA256_RSA_PKCS},
};

Time one_signature(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type) {
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism = {type, nullptr, 0};
    if (type == CKM_SHA256_RSA_PKCS_PSS) mechanism = {type, &pss, sizeof pss};
    CK_BYTE data[1024] = {};
    CK_BYTE signature[256];
    CK_ULONG size = sizeof signature;
    inside_transmit = {};
    const Time before = Time::now();
    const CK_RV init = C_SignInit(session, &mechanism, key);
    const CK_RV sign = init == CKR_OK ? C_Sign(session, data, sizeof data, signature, &size) : init;
    const Time all = Time::now() - before;
    check(sign, "C_Sign");
    return all - inside_transmit;
}

std::vector<Time> measure(const Case& chosen, unsigned rounds) {
    check(C_Initialize(nullptr), "C_Initialize");
    CK_ULONG count = 0;
    check(C_GetSlotList(CK_FALSE, nullptr, &count), "C_GetSlotList");
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    check(C_OpenSession(chosen.slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session), "C_OpenSession");
    std::string pin = chosen.pin;
    check(C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), static_cast<CK_ULONG>(pin.size())), "C_Login");
    const auto id = static_cast<unsigned char>(chosen.slot + 1);
    if (chosen.certificate_first) {
        CK_ATTRIBUTE value = {CKA_VALUE, nullptr, 0};
        check(C_GetAttributeValue(session, find(session, CKO_CERTIFICATE, id), &value, 1), "C_GetAttributeValue");
    }
    const CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY, id);
    one_signature(session, key, chosen.mechanism);  // the first one also reads and caches; only later ones are measured
    std::vector<Time> times;
    for (unsigned i = 0; i < rounds; ++i) times.push_back(one_signature(session, key, chosen.mechanism));
    check(C_Finalize(nullptr), "C_Finalize");
    return times;
}

double percentile(const std::vector<Time>& times, double Time::*clock, double percent) {
    std::vector<double> sorted;
    for (const auto& time : times) sorted.push_back(time.*clock);
    std::sort(sorted.begin(), sorted.end());
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures the module's own time per signature, outside the card and pcscd.", "jpki-bench-own-time");
    unsigned rounds = 1000;
    std::string json_file;
    app.add_option("--rounds", rounds, "Signatures for each line")->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--json", json_file, "File for the figures as JSON");
    CLI11_PARSE(app, argc, argv);
    try {
        ::setenv("JPKI_PKCS11_CONFIG", "/dev/null", 1);  // no settings
        fake::reset_everything();
        fake::add_reader("Fake Reader 00 00", std::make_shared<model::CardModel>(model::TestPki::shared()));
        nlohmann::ordered_json json = nlohmann::ordered_json::array();
        bool all_under = true;
        std::cout << "| the module's own time for a signature, in µs | median | 99th percentile | processor time, median | "
                     "99th percentile |\n|---|---|---|---|---|\n"
                  << std::fixed << std::setprecision(0);
        for (const auto& chosen : cases) {
            const auto times = measure(chosen, rounds);
            const double median = percentile(times, &Time::wall, 50), high = percentile(times, &Time::wall, 99);
            const double cpu_median = percentile(times, &Time::cpu, 50), cpu_high = percentile(times, &Time::cpu, 99);
            all_under = all_under && high < limit_microseconds;
            std::cout << "| " << chosen.name << " | " << median << " | " << high << " | " << cpu_median << " | " << cpu_high
                      << " |\n";
            json.push_back({{"case", chosen.name},
                            {"median_us", median},
                            {"p99_us", high},
                            {"cpu_median_us", cpu_median},
                            {"cpu_p99_us", cpu_high}});
        }
        std::cout << "\n" << rounds << " signatures each; " << (all_under ? "all under" : "NOT all under") << " 1 ms.\n";
        if (!json_file.empty()) std::ofstream(json_file) << json.dump(2) << "\n";
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "jpki-bench-own-time: " << error.what() << "\n";
        return 1;
    }
}
