// SPDX-License-Identifier: MIT
#include "protocol/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "common/mem.h"

enum { Z85_LENGTH = KEY_TEXT_SIZE - 1, KEY_BYTES = 32 };
// `authorized` at its largest: some 60,000 keys.
enum { AUTHORIZED_MAX = 4 * 1024 * 1024 };
enum { PATH_SIZE = 1024 };

static const char *const role_names[] = {
    [ROLE_NONE] = "none",
    [ROLE_READ] = "read",
    [ROLE_SUBMIT] = "submit",
    [ROLE_WORKER] = "worker",
};

const char *role_name(enum role r)
{
    return (size_t)r < sizeof role_names / sizeof role_names[0] ? role_names[r] : "none";
}

enum role role_parse(const char *name)
{
    for (int r = ROLE_READ; r <= ROLE_WORKER; r++)
        if (strcmp(name, role_names[r]) == 0)
            return (enum role)r;
    return ROLE_NONE;
}

// ---- texts ------------------------------------------------------------------

static bool decode_key(const char *text, uint8_t out[KEY_BYTES])
{
    return strlen(text) == Z85_LENGTH && zmq_z85_decode(out, text) != NULL;
}

// Public keys whose secret half everybody can look up: the two pairs of libzmq's
// manual, and the two of the published test vector of the curve (RFC 7748, 6.1).
static bool is_throw_away(const uint8_t key[KEY_BYTES])
{
    static const char *const known[] = {
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
        "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
    };
    static const uint8_t published[][KEY_BYTES] = {
        {0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
         0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
         0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a},
        {0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61,
         0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78,
         0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f},
    };
    static const uint8_t zero[KEY_BYTES];
    uint8_t other[KEY_BYTES];

    if (memcmp(key, zero, KEY_BYTES) == 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (zmq_z85_decode(other, known[i]) && memcmp(key, other, KEY_BYTES) == 0)
            return true;
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
        if (memcmp(key, published[i], KEY_BYTES) == 0)
            return true;
    return false;
}

static enum error
check_public(const char *text, uint8_t key[KEY_BYTES], const char *where, struct errtext *t)
{
    if (!decode_key(text, key))
        return errtext_set(t, ERR_PARSE, "%s: not a key (40 characters of Z85)", where);
    if (is_throw_away(key))
        return errtext_set(t, ERR_DENIED,
                           "%s: a throw-away key whose secret half is public; make another "
                           "with `shoal keygen`",
                           where);
    return OK;
}

// ---- files ------------------------------------------------------------------

static enum error system_error(struct errtext *t, const char *path)
{
    enum error e = errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
    return errtext_set(t, e, "%s: %s", path, strerror(errno));
}

static enum error join(char out[PATH_SIZE],
                       const char *dir,
                       const char *name,
                       const char *suffix,
                       struct errtext *t)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s%s", dir, name, suffix);
    if (n < 0 || n >= PATH_SIZE)
        return errtext_set(t, ERR_LIMIT, "%s: the path is too long", dir);
    return OK;
}

enum error keys_check_directory(const char *dir, struct errtext *t)
{
    struct stat s;

    if (stat(dir, &s) != 0)
        return system_error(t, dir);
    if (!S_ISDIR(s.st_mode))
        return errtext_set(t, ERR_INVALID, "%s: not a directory", dir);
    if (s.st_uid != geteuid())
        return errtext_set(t, ERR_DENIED, "%s: belongs to another user", dir);
    if (s.st_mode & 077)
        return errtext_set(t, ERR_DENIED, "%s: others may look into it (mode %03o, needs 700)",
                           dir, (unsigned)(s.st_mode & 0777));
    return OK;
}

// The whole of a small file with a NUL behind, for the caller to free.
static enum error read_file(const char *path, bool secret, char **out, struct errtext *t)
{
    enum error e = OK;
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &s) != 0) {
        e = system_error(t, path);
    } else if (secret && (s.st_mode & 077)) {
        e = errtext_set(t, ERR_DENIED, "%s: others may read it (mode %03o, needs 600)", path,
                        (unsigned)(s.st_mode & 0777));
    } else if (!S_ISREG(s.st_mode) || s.st_size > AUTHORIZED_MAX) {
        e = errtext_set(t, ERR_LIMIT, "%s: not a small file", path);
    } else {
        char *text = mem_alloc((size_t)s.st_size + 1);
        ssize_t n = read(fd, text, (size_t)s.st_size);
        if (n < 0)
            e = system_error(t, path);
        else
            text[n] = 0;
        if (e)
            mem_free(text);
        else
            *out = text;
    }
    if (fd >= 0)
        (void)close(fd);
    return e;
}

static enum error write_all(int fd, const char *path, const char *text, struct errtext *t)
{
    size_t n = strlen(text);
    if (write(fd, text, n) != (ssize_t)n || fsync(fd) != 0)
        return system_error(t, path);
    return OK;
}

// Appears whole or not at all.  Whoever came first wins: a file that is there
// stays as it is.
static enum error write_once(const char *path, const char *text, mode_t mode, struct errtext *t)
{
    char temporary[PATH_SIZE + 16];
    enum error e = OK;

    (void)snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    (void)unlink(temporary); // of a process that died with our number
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return system_error(t, temporary);
    e = write_all(fd, temporary, text, t);
    if (!e && link(temporary, path) != 0 && errno != EEXIST)
        e = system_error(t, path);
    (void)close(fd);
    (void)unlink(temporary);
    return e;
}

// The one line of a key file.
static enum error
read_key_text(const char *path, bool secret, char out[KEY_TEXT_SIZE], struct errtext *t)
{
    char *text = NULL;
    enum error e = read_file(path, secret, &text, t);
    if (e || !text)
        return e;
    text[strcspn(text, " \t\r\n")] = 0;
    if (strlen(text) == Z85_LENGTH)
        memcpy(out, text, KEY_TEXT_SIZE);
    else
        e = errtext_set(t, ERR_PARSE, "%s: not a key (40 characters of Z85)", path);
    mem_free(text);
    return e;
}

// ---- pairs ------------------------------------------------------------------

enum error keys_make_pair(struct key_pair *out, struct errtext *t)
{
    if (zmq_curve_keypair(out->public_text, out->secret_text) != 0)
        return errtext_set(t, ERR_UNSUPPORTED, "libzmq was built without CURVE");
    return OK;
}

enum error
keys_load_pair(const char *dir, const char *name, struct key_pair *out, struct errtext *t)
{
    char path[PATH_SIZE];
    uint8_t key[KEY_BYTES];

    enum error e = join(path, dir, name, ".key", t);
    if (!e)
        e = read_key_text(path, true, out->secret_text, t);
    if (e)
        return e;
    if (!decode_key(out->secret_text, key)
        || zmq_curve_public(out->public_text, out->secret_text) != 0)
        return errtext_set(t, ERR_PARSE, "%s: not a key (40 characters of Z85)", path);
    static const uint8_t zero[KEY_BYTES];
    if (memcmp(key, zero, KEY_BYTES) == 0)
        return errtext_set(t, ERR_DENIED, "%s: a throw-away key (all zero)", path);
    return check_public(out->public_text, key, path, t);
}

enum error
keys_load_public(const char *dir, const char *name, struct key_pair *out, struct errtext *t)
{
    char path[PATH_SIZE];
    uint8_t key[KEY_BYTES];

    *out = (struct key_pair){.secret_text = ""};
    enum error e = join(path, dir, name, ".pub", t);
    if (!e)
        e = read_key_text(path, false, out->public_text, t);
    return e ? e : check_public(out->public_text, key, path, t);
}

// The secret half comes first and decides; the public half follows from it.
static enum error
ensure_pair(const char *dir, const char *name, struct key_pair *out, struct errtext *t)
{
    char path[PATH_SIZE];
    char line[KEY_TEXT_SIZE + 1];
    struct key_pair made;

    enum error e = join(path, dir, name, ".key", t);
    if (e)
        return e;
    if (access(path, F_OK) != 0) {
        e = keys_make_pair(&made, t);
        if (e)
            return e;
        (void)snprintf(line, sizeof line, "%s\n", made.secret_text);
        e = write_once(path, line, 0600, t);
    }
    if (!e)
        e = keys_load_pair(dir, name, out, t);
    if (!e)
        e = join(path, dir, name, ".pub", t);
    if (e)
        return e;
    (void)snprintf(line, sizeof line, "%s\n", out->public_text);
    return write_once(path, line, 0644, t);
}

enum error keys_ensure(const char *dir, struct errtext *t)
{
    struct key_pair pair;
    char path[PATH_SIZE];
    char lines[3 * (KEY_TEXT_SIZE + 32)];
    size_t n = 0;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return system_error(t, dir);
    enum error e = keys_check_directory(dir, t);
    if (!e)
        e = ensure_pair(dir, "coordinator", &pair, t);
    for (int r = ROLE_READ; r <= ROLE_WORKER && !e; r++) {
        const char *name = role_names[r];
        e = ensure_pair(dir, name, &pair, t);
        if (!e)
            n += (size_t)snprintf(lines + n, sizeof lines - n, "%s %s %s\n", name,
                                  pair.public_text, name);
    }
    if (!e)
        e = join(path, dir, "authorized", "", t);
    return e ? e : write_once(path, lines, 0600, t);
}

// ---- who may connect --------------------------------------------------------

static enum error
parse_line(char *line, const char *where, struct authorized_key *out, struct errtext *t)
{
    char *rest = line;
    const char *role = strtok_r(rest, " \t\r", &rest);
    const char *key = strtok_r(rest, " \t\r", &rest);
    const char *name = strtok_r(rest, " \t\r", &rest);

    *out = (struct authorized_key){.role = role_parse(role)};
    if (out->role == ROLE_NONE)
        return errtext_set(t, ERR_PARSE, "%s: '%.32s' is no role (worker, submit, read)", where,
                           role);
    if (!key || !name)
        return errtext_set(t, ERR_PARSE, "%s: expected ROLE KEY NAME", where);
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    return check_public(key, out->key, where, t);
}

enum error keys_load_authorized(const char *dir, struct authorized *out, struct errtext *t)
{
    char path[PATH_SIZE];
    char where[PATH_SIZE + 16];
    char *text = NULL;
    char *rest;
    uint32_t number = 0;

    *out = (struct authorized){0};
    enum error e = join(path, dir, "authorized", "", t);
    if (!e)
        e = read_file(path, false, &text, t);
    rest = text;
    while (!e && rest && *rest) {
        char *line = strsep(&rest, "\n");
        (void)snprintf(where, sizeof where, "%s:%u", path, ++number);
        line += strspn(line, " \t\r");
        if (*line == 0 || *line == '#')
            continue;
        if ((out->n & (out->n - 1)) == 0) // room doubles
            out->keys = mem_realloc(out->keys, 2 * ((size_t)out->n + 1) * sizeof *out->keys);
        e = parse_line(line, where, &out->keys[out->n], t);
        out->n += e ? 0 : 1;
    }
    mem_free(text);
    if (e)
        keys_free_authorized(out);
    return e;
}

void keys_free_authorized(struct authorized *a)
{
    mem_free(a->keys);
    *a = (struct authorized){0};
}

enum role keys_role_of(const struct authorized *a, const uint8_t key[32])
{
    for (uint32_t i = 0; i < a->n; i++)
        if (memcmp(a->keys[i].key, key, KEY_BYTES) == 0)
            return a->keys[i].role;
    return ROLE_NONE;
}
