#include <jwkd.h>

const char *jwkd_version(void)
{
    return JWKD_VERSION;
}
