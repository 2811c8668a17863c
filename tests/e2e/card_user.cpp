// card_user MODULE: a program that uses the card through the module as it is told, so that a script can have several real
// processes do things in an order that it chooses. One command a line on standard input, one answer a line on standard output:
// the name of the code, what there is to say, and "in N ms". A line that begins with "& " runs in a thread of its own, and its
// answer goes to standard error when it is there. Sessions have names.
//
//   initialize | finalize | reload | cycle N
//   slots | token SLOT | event | wait
//   open NAME SLOT | close NAME | state NAME | login NAME PIN | logout NAME
//   find NAME | key NAME | holder NAME | sign NAME TIMES [CERTIFICATE.pem] | resign NAME TIMES PIN CERTIFICATE.pem
//   resources | stop | finalize-at-exit | child HOW: COMMAND; COMMAND; ... | pcsc ... (card_user.hpp)
//
// sign verifies every signature with the certificate in the file; TIMES 0 is until stop is told while it runs in a thread.
// resign takes its time, and logs in again whenever the login is gone.
// child forks; HOW the child ends is exit, _exit, crash or kill.
#include "card_user.hpp"

#include <p11-kit/pkcs11.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <csignal>
#include <cstdlib>
#include <dirent.h>
#include <dlfcn.h>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace card_user {

namespace {

struct Name {
    CK_RV rv;
    const char* name;
};
constexpr std::array names = {
    Name{CKR_OK, "CKR_OK"},
    Name{CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID"},
    Name{CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR"},
    Name{CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED"},
    Name{CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD"},
    Name{CKR_NO_EVENT, "CKR_NO_EVENT"},
    Name{CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR"},
    Name{CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED"},
    Name{CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID"},
    Name{CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID"},
    Name{CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE"},
    Name{CKR_OPERATION_NOT_INITIALIZED, "CKR_OPERATION_NOT_INITIALIZED"},
    Name{CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT"},
    Name{CKR_PIN_LOCKED, "CKR_PIN_LOCKED"},
    Name{CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID"},
    Name{CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT"},
    Name{CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED"},
    Name{CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN"},
    Name{CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN"},
    Name{CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED"},
    Name{CKR_CRYPTOKI_ALREADY_INITIALIZED, "CKR_CRYPTOKI_ALREADY_INITIALIZED"},
};

std::string name_of(CK_RV rv) {
    for (const Name& known : names)
        if (known.rv == rv) return known.name;
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "0x%lX", rv);
    return text.data();
}

// Thrown by must(): the answer to the command is this code.
struct Answer {
    CK_RV rv;
};
void must(CK_RV rv) {
    if (rv != CKR_OK) throw Answer{rv};
}

const char* module_path = nullptr;
void* library = nullptr;
CK_FUNCTION_LIST* f = nullptr;

void load() {
    library = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
    const auto get = library ? reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList")) : nullptr;
    if (!get || get(&f) != CKR_OK) {
        std::fprintf(stderr, "cannot load %s\n", module_path);
        std::exit(1);
    }
}

struct Session {
    CK_SESSION_HANDLE handle = 0;
    CK_OBJECT_HANDLE key = 0;
};
std::mutex sessions_mutex;
std::map<std::string, Session> sessions;

// A name that was never opened has a handle that never was one.
Session session(const std::string& name) {
    const std::scoped_lock lock(sessions_mutex);
    return sessions[name];
}

std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE handle, CK_ATTRIBUTE* wanted, CK_ULONG count) {
    must(f->C_FindObjectsInit(handle, wanted, count));
    std::vector<CK_OBJECT_HANDLE> objects(16);
    CK_ULONG found = 0;
    const CK_RV rv = f->C_FindObjects(handle, objects.data(), objects.size(), &found);
    const CK_RV end = f->C_FindObjectsFinal(handle);
    must(rv);
    must(end);
    objects.resize(found);
    return objects;
}

std::vector<CK_OBJECT_HANDLE> find_class(CK_SESSION_HANDLE handle, CK_OBJECT_CLASS wanted) {
    CK_ATTRIBUTE of_class = {CKA_CLASS, &wanted, sizeof wanted};
    return find(handle, &of_class, 1);
}

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertificatePointer = std::unique_ptr<X509, decltype(&X509_free)>;

KeyPointer public_key(const std::string& file) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_file(file.c_str(), "r"), BIO_free);
    const CertificatePointer certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr, X509_free);
    return {certificate ? X509_get_pubkey(certificate.get()) : nullptr, EVP_PKEY_free};
}

// OpenSSL is the judge: not the module, and not with a certificate that this process was given by it.
bool verified(EVP_PKEY* key, const std::string& data, const std::array<unsigned char, 256>& signature, CK_ULONG length) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), length, reinterpret_cast<const unsigned char*>(data.data()),
                            data.size()) == 1;
}

// The common name in the certificate whose CKA_ID is 01 or 02: who holds the card.
std::string holder(CK_SESSION_HANDLE handle) {
    for (const CK_OBJECT_HANDLE object : find_class(handle, CKO_CERTIFICATE)) {
        std::array<unsigned char, 8> id{};
        std::array<unsigned char, 4096> value{};
        std::array<CK_ATTRIBUTE, 2> attributes = {{{CKA_ID, id.data(), id.size()}, {CKA_VALUE, value.data(), value.size()}}};
        must(f->C_GetAttributeValue(handle, object, attributes.data(), attributes.size()));
        if (id[0] > 2) continue;  // a CA's
        const unsigned char* at = value.data();
        const CertificatePointer certificate(d2i_X509(nullptr, &at, static_cast<long>(attributes[1].ulValueLen)), X509_free);
        std::array<char, 128> text{};
        if (certificate)
            X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, text.data(), text.size());
        return text.data();
    }
    return "nobody";
}

std::atomic<bool> stopped = false;

// Signs as often as asked, and stops at the first code that is not CKR_OK; with a PIN it logs in where the login is gone.
std::string sign(const std::string& name, int times, const char* pin, const std::string& certificate) {
    static std::atomic<int> counter = 0;
    const KeyPointer judge = public_key(certificate);
    Session mine = session(name);
    int good = 0, logins = 0;
    const auto said = [&](CK_RV rv) {
        return name_of(rv) + " " + std::to_string(good) + " good " + std::to_string(logins) + " logins";
    };
    while (times == 0 ? !stopped.load() : good < times) {
        CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, nullptr, 0};
        std::string data = "data " + std::to_string(getpid()) + " " + std::to_string(++counter);
        std::array<unsigned char, 256> signature{};
        CK_ULONG length = signature.size();
        CK_RV rv = f->C_SignInit(mine.handle, &mechanism, mine.key);
        if (rv == CKR_OK)
            rv = f->C_Sign(mine.handle, reinterpret_cast<unsigned char*>(data.data()), data.size(), signature.data(), &length);
        if (rv == CKR_OK) {
            if (judge && !verified(judge.get(), data, signature, length)) return "WRONG SIGNATURE " + said(rv);
            ++good;
            if (pin) std::this_thread::sleep_for(std::chrono::milliseconds(20));  // others have their turn
            continue;
        }
        // The handle of a private object ends with the login.
        if (!pin || (rv != CKR_USER_NOT_LOGGED_IN && rv != CKR_KEY_HANDLE_INVALID)) return said(rv);
        std::string copy = pin;
        rv = f->C_Login(mine.handle, CKU_USER, reinterpret_cast<unsigned char*>(copy.data()), copy.size());
        if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN) return "login: " + said(rv);
        ++logins;
        const auto keys = find_class(mine.handle, CKO_PRIVATE_KEY);
        if (!keys.empty()) mine.key = keys[0];
    }
    return (judge ? "" : "(not verified) ") + said(CKR_OK);
}

std::string slots() {
    std::array<CK_SLOT_ID, 32> ids{};
    CK_ULONG count = 0;
    must(f->C_GetSlotList(CK_FALSE, nullptr, &count));
    count = ids.size();
    must(f->C_GetSlotList(CK_FALSE, ids.data(), &count));
    std::string text = "CKR_OK";
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_SLOT_INFO info{};
        must(f->C_GetSlotInfo(ids[i], &info));
        text += " " + std::to_string(ids[i]) + ((info.flags & CKF_TOKEN_PRESENT) ? "=card" : "=empty");
    }
    return text;
}

std::string token(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    must(f->C_GetTokenInfo(slot, &info));
    std::string text = "CKR_OK " + std::string(reinterpret_cast<const char*>(info.serialNumber), sizeof info.serialNumber);
    if (info.flags & CKF_USER_PIN_LOCKED) text += " locked";
    if (info.flags & CKF_USER_PIN_COUNT_LOW) text += " count-low";
    if (info.flags & CKF_USER_PIN_FINAL_TRY) text += " final-try";
    return text + " sessions " + std::to_string(info.ulSessionCount);
}

std::string state(CK_SESSION_HANDLE handle) {
    CK_SESSION_INFO info{};
    must(f->C_GetSessionInfo(handle, &info));
    return std::string("CKR_OK ") + (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS ? "user" : "public");
}

std::string event(CK_FLAGS flags) {
    CK_SLOT_ID slot = 99;
    must(f->C_WaitForSlotEvent(flags, &slot, nullptr));
    return "CKR_OK slot " + std::to_string(slot);
}

// Resident memory in kB and open file descriptors.
std::string resources() {
    long pages = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
        std::fclose(file);
    }
    int descriptors = -3;  // . and .. and this one
    DIR* directory = opendir("/proc/self/fd");
    while (readdir(directory)) ++descriptors;
    closedir(directory);
    return std::to_string(pages * sysconf(_SC_PAGESIZE) / 1024) + " kB " + std::to_string(descriptors) + " descriptors";
}

std::string answer(const std::string& line);

std::string child(const std::string& line) {
    const std::size_t colon = line.find(':');
    const std::string how = line.substr(6, colon - 6);
    std::fflush(nullptr);
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) return "no pipe";
    const pid_t pid = fork();
    if (pid < 0) return "no fork";
    if (pid == 0) {
        alarm(20);  // one that hangs is seen
        close(pipe_ends[0]);
        std::string said;
        std::istringstream commands(line.substr(colon + 1));
        for (std::string command; std::getline(commands, command, ';');)
            said += (said.empty() ? "" : ", ") + answer(command);
        const ssize_t written = write(pipe_ends[1], said.data(), said.size());
        if (written != static_cast<ssize_t>(said.size())) _exit(3);
        close(pipe_ends[1]);
        if (how == "exit") std::exit(0);
        if (how == "crash") std::abort();
        if (how == "kill") kill(getpid(), SIGKILL);
        _exit(0);
    }
    close(pipe_ends[1]);
    std::string said;
    std::array<char, 256> buffer{};
    for (ssize_t count; (count = read(pipe_ends[0], buffer.data(), buffer.size())) > 0;)
        said.append(buffer.data(), static_cast<std::size_t>(count));
    close(pipe_ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) return said + " (signal " + std::to_string(WTERMSIG(status)) + ")";
    return said + " (exit " + std::to_string(WEXITSTATUS(status)) + ")";
}

void finalize_at_exit() {
    std::printf("at exit: %s\n", name_of(f->C_Finalize(nullptr)).c_str());
    std::fflush(stdout);
}

std::string obey(const std::string& line) {
    std::istringstream stream(line);
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.empty()) return "nothing";
    const std::string verb = words[0];
    const auto word = [&](std::size_t at) { return at < words.size() ? words[at] : std::string(); };
    const auto number = [&](std::size_t at) { return std::atoi(word(at).c_str()); };

    if (verb == "initialize") return name_of(f->C_Initialize(nullptr));
    if (verb == "finalize") return name_of(f->C_Finalize(nullptr));
    if (verb == "reload") {
        dlclose(library);
        load();
        return "CKR_OK";
    }
    if (verb == "cycle") {
        for (int i = 0; i < number(1); ++i) {
            must(f->C_Initialize(nullptr));
            slots();
            must(f->C_Finalize(nullptr));
        }
        return "CKR_OK";
    }
    if (verb == "slots") return slots();
    if (verb == "token") return token(static_cast<CK_SLOT_ID>(number(1)));
    if (verb == "event") return event(CKF_DONT_BLOCK);
    if (verb == "wait") return event(0);
    if (verb == "stop") {
        stopped = true;
        return "ok";
    }
    if (verb == "resources") return resources();
    if (verb == "finalize-at-exit") return std::atexit(finalize_at_exit) == 0 ? "CKR_OK" : "no";
    if (verb == "child") return child(line);
    if (verb == "pcsc") return pcsc(words);
    if (verb == "open") {
        Session fresh;
        must(f->C_OpenSession(static_cast<CK_SLOT_ID>(number(2)), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &fresh.handle));
        const std::scoped_lock lock(sessions_mutex);
        sessions[word(1)] = fresh;
        return "CKR_OK";
    }
    const Session mine = session(word(1));
    if (verb == "close") return name_of(f->C_CloseSession(mine.handle));
    if (verb == "state") return state(mine.handle);
    if (verb == "logout") return name_of(f->C_Logout(mine.handle));
    if (verb == "find") return "CKR_OK " + std::to_string(find(mine.handle, nullptr, 0).size());
    if (verb == "holder") return "CKR_OK " + holder(mine.handle);
    if (verb == "login") {
        std::string pin = word(2);
        return name_of(f->C_Login(mine.handle, CKU_USER, reinterpret_cast<unsigned char*>(pin.data()), pin.size()));
    }
    if (verb == "key") {
        const auto keys = find_class(mine.handle, CKO_PRIVATE_KEY);
        if (keys.empty()) return "CKR_OK none";
        const std::scoped_lock lock(sessions_mutex);
        sessions[word(1)].key = keys[0];
        return "CKR_OK";
    }
    if (verb == "sign") return sign(word(1), number(2), nullptr, word(3));
    if (verb == "resign") return sign(word(1), number(2), word(3).c_str(), word(4));
    return "what is " + verb + "?";
}

std::string answer(const std::string& line) {
    const auto began = std::chrono::steady_clock::now();
    std::string said;
    try {
        said = obey(line);
    } catch (const Answer& not_ok) {
        said = name_of(not_ok.rv);
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    return said + " in " + std::to_string(took.count()) + " ms";
}

}  // namespace

}  // namespace card_user

int main(int argc, char** argv) {
    using namespace card_user;
    if (argc != 2) {
        std::fprintf(stderr, "usage: card_user MODULE\n");
        return 64;
    }
    module_path = argv[1];
    // The host is OpenSSL's first user here, as most are, and so OpenSSL cleans up at exit: what is left then, is left by others.
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
    load();
    std::vector<std::thread> threads;
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
        if (line.starts_with("& ")) {
            threads.emplace_back([command = line.substr(2)] {
                const std::string said = command + ": " + answer(command) + "\n";
                std::fputs(said.c_str(), stderr);
            });
            continue;
        }
        std::printf("%s\n", answer(line).c_str());
        std::fflush(stdout);
    }
    for (std::thread& thread : threads) thread.join();
    return 0;
}
