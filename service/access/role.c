#include "access/role.h"

static const struct {
    const char *name;
    unsigned rights;
} ROLES[] = {{"", RIGHT_NONE},
#define ROW(NAME, name, rights) {name, rights},
    ACCESS_ROLES(ROW)
#undef ROW
};

static const struct {
    const char *name, *text;
} RIGHTS[] = {
#define ROW(NAME, name, text) {name, text},
    ACCESS_RIGHTS(ROW)
#undef ROW
};

const char *access_role_name(enum access_role role)
{
    return (unsigned)role < ROLE_COUNT ? ROLES[role].name : "";
}

bool access_role_by_name(const char *name, enum access_role *out)
{
    for (unsigned i = ROLE_NONE + 1; i < ROLE_COUNT; i++) {
        if (strcmp(ROLES[i].name, name) != 0) continue;
        *out = (enum access_role)i;
        return true;
    }
    *out = ROLE_NONE;
    return false;
}

unsigned access_role_rights(enum access_role role)
{
    return (unsigned)role < ROLE_COUNT ? ROLES[role].rights : RIGHT_NONE;
}

static unsigned index_of(enum access_right right)
{
    unsigned index = 0;
    while (index < RIGHT_COUNT - 1 && (unsigned)right >> index != 1)
        index++;
    return index;
}

const char *access_right_name(enum access_right right)
{
    return RIGHTS[index_of(right)].name;
}

const char *access_right_text(enum access_right right)
{
    return RIGHTS[index_of(right)].text;
}
