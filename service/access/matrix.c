/* Prints the table of service/access/README.md: `cmake --build --preset release --target access_matrix`. */
#include <stdio.h>

#include "access/role.h"

static void print_head(void)
{
    printf("| right |");
    for (int role = ROLE_NONE + 1; role < ROLE_COUNT; role++)
        printf(" %s |", access_role_name((enum access_role)role));
    printf("\n|---|");
    for (int role = ROLE_NONE + 1; role < ROLE_COUNT; role++)
        printf("---|");
    putchar('\n');
}

int main(void)
{
    print_head();
    for (int index = 0; index < RIGHT_COUNT; index++) {
        enum access_right right = (enum access_right)(1 << index);
        printf("| `%s`: %s |", access_right_name(right), access_right_text(right));
        for (int role = ROLE_NONE + 1; role < ROLE_COUNT; role++)
            printf(" %s |", access_role_rights((enum access_role)role) & (unsigned)right ? "yes" : "");
        putchar('\n');
    }
    return ferror(stdout) ? 1 : 0;
}
