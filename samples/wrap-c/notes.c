/*
 * A plain C library that stores notes in memory. It stands for a library that you have already: it knows nothing of
 * Jackfield, and nothing in it is changed to be used from there.
 *
 *     cc -shared -fPIC -o notes.so notes.c
 */
#include <stdint.h>
#include <string.h>

enum { MOST = 1000, LONGEST = 64 };

static struct {
    char user[LONGEST];
    char title[LONGEST];
} notes[MOST];

static int64_t count;

/* Stores a note. Returns its number, from 1; 0 if there is no space or a text is too long. */
int64_t create_notification(const char *user, const char *title) {
    if (count == MOST || strlen(user) >= LONGEST || strlen(title) >= LONGEST) return 0;
    strcpy(notes[count].user, user);
    strcpy(notes[count].title, title);
    return ++count;
}

/* How many notes a user has. */
int64_t count_notifications(const char *user) {
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) found += strcmp(notes[i].user, user) == 0;
    return found;
}
