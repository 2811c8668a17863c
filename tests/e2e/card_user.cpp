// card_user MODULE: a program that uses the card through the module on command, so that a script can run several real
// processes in an order that it chooses. One command a line on standard input, one answer a line on standard output:
// the name of the code, the result, and "in N ms". A line that begins with "& " runs in a thread of its own, and its
// answer goes to standard error when it is complete. Sessions have names.
//
//   initialize | finalize | reload | cycle N
//   slots | token SLOT | mechanisms SLOT | event | wait
//   open NAME SLOT | close NAME | state NAME | login NAME PIN | logout NAME
//   find NAME | key NAME | holder NAME | sign NAME TIMES [CERTIFICATE.pem] | resign NAME TIMES PIN CERTIFICATE.pem
//   resources | stop | finalize-at-exit | child HOW: COMMAND; COMMAND; ... | pcsc ... (card_user.hpp)
//
// sign verifies every signature with the certificate in the file; TIMES 0 means until the command stop, in a thread.
// resign waits between signatures, and logs in again after each lost login.
// child forks; HOW the child ends is exit, _exit, crash or kill.
#include "card_user.hpp"
#include "card_user_module.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <iostream>
#include <openssl/crypto.h>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace card_user {

namespace {

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

std::string mechanisms(CK_SLOT_ID slot) {
    CK_ULONG count = 0;
    must(f->C_GetMechanismList(slot, nullptr, &count));
    return "CKR_OK " + std::to_string(count);
}

std::string state(CK_SESSION_HANDLE handle) {
    CK_SESSION_INFO info{};
    must(f->C_GetSessionInfo(handle, &info));
    return std::string("CKR_OK ") +
           (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS ? "user" : "public");
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
        alarm(20);  // ends a child that hangs
        close(pipe_ends[0]);
        std::string said;
        std::istringstream commands(line.substr(colon + 1));
        for (std::string command; std::getline(commands, command, ';');) said += (said.empty() ? "" : ", ") + answer(command);
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
        reload();
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
    if (verb == "mechanisms") return mechanisms(static_cast<CK_SLOT_ID>(number(1)));
    if (verb == "token") return token(static_cast<CK_SLOT_ID>(number(1)));
    if (verb == "event") return event(CKF_DONT_BLOCK);
    if (verb == "wait") return event(0);
    if (verb == "stop") {
        stop_signing();
        return "ok";
    }
    if (verb == "resources") return resources();
    if (verb == "finalize-at-exit") return std::atexit(finalize_at_exit) == 0 ? "CKR_OK" : "no";
    if (verb == "child") return child(line);
    if (verb == "pcsc") return pcsc(words);
    if (verb == "open") {
        Session fresh;
        must(f->C_OpenSession(static_cast<CK_SLOT_ID>(number(2)), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                              &fresh.handle));
        remember(word(1), fresh);
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
        remember(word(1), {mine.handle, keys[0]});
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
    // The host uses OpenSSL before the module does, as most hosts do, so OpenSSL's cleanup at exit runs last: whatever is still
    // allocated then belongs to other libraries.
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
    load(argv[1]);
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
    std::atexit(OPENSSL_cleanup);  // OpenSSL 4 does not clean up by itself; a second time does nothing
    return 0;
}
