/* What there is to know of each type of key and of each algorithm. A new one is a row here (one in each table
 * where both are new); all other code asks the table. RFC 7518, RFC 8037, RFC 8812, RFC 9864, ML-DSA for
 * JOSE. */
#ifndef JOSE_ALG_TABLE_H
#define JOSE_ALG_TABLE_H

// clang-format off

/* Types of key. Sizes: RFC 7518 section 6.2.1, SEC 2 section 2.4.1, RFC 8032 sections 5.1 and 5.2, FIPS 204 table 2.
 *
 * KEY_<id>, and then as struct key_type has it:
 * kty   sealed  name  crv  OpenSSL's name, its group  bits  public, private, signature  usual algorithm
 *
 * RSA_ANY is an RSA key of whatever size; the three below it are those that are generated. */
#define KEY_TYPE_TABLE(ROW) \
    ROW(RSA_ANY,   RSA, 1, "RSA",       NULL,        "RSA",       NULL,            0,    0,    0,    0, RS256) \
    ROW(RSA_2048,  RSA, 0, "RSA-2048",  NULL,        "RSA",       NULL,         2048,    0,    0,  256, RS256) \
    ROW(RSA_3072,  RSA, 0, "RSA-3072",  NULL,        "RSA",       NULL,         3072,    0,    0,  384, RS256) \
    ROW(RSA_4096,  RSA, 0, "RSA-4096",  NULL,        "RSA",       NULL,         4096,    0,    0,  512, RS256) \
    ROW(P256,      EC,  2, "P-256",     "P-256",     "EC",        "prime256v1",    0,   32,   32,   64, ES256) \
    ROW(P384,      EC,  3, "P-384",     "P-384",     "EC",        "secp384r1",     0,   48,   48,   96, ES384) \
    ROW(P521,      EC,  4, "P-521",     "P-521",     "EC",        "secp521r1",     0,   66,   66,  132, ES512) \
    ROW(SECP256K1, EC, 10, "secp256k1", "secp256k1", "EC",        "secp256k1",     0,   32,   32,   64, ES256K) \
    ROW(ED25519,   OKP, 5, "Ed25519",   "Ed25519",   "ED25519",   NULL,            0,   32,   32,   64, EDDSA) \
    ROW(ED448,     OKP, 6, "Ed448",     "Ed448",     "ED448",     NULL,            0,   57,   57,  114, EDDSA) \
    ROW(ML_DSA_44, AKP, 7, "ML-DSA-44", NULL,        "ML-DSA-44", NULL,            0, 1312,   32, 2420, ML_DSA_44) \
    ROW(ML_DSA_65, AKP, 8, "ML-DSA-65", NULL,        "ML-DSA-65", NULL,            0, 1952,   32, 3309, ML_DSA_65) \
    ROW(ML_DSA_87, AKP, 9, "ML-DSA-87", NULL,        "ML-DSA-87", NULL,            0, 2592,   32, 4627, ML_DSA_87)

/* Algorithms, in the order in which they are listed to people.
 *
 * ALG_<id>  JOSE's name  the digest (NONE: the algorithm has its own)
 * ONE: for keys of this type only; ANY: for every key of its kty, and this type is generated when nobody says
 * PSS: RSASSA-PSS, RFC 7518 section 3.5; PLAIN: all others */
#define ALG_TABLE(ROW) \
    ROW(RS256,     "RS256",     SHA256, ANY, RSA_4096,  PLAIN) \
    ROW(RS384,     "RS384",     SHA384, ANY, RSA_4096,  PLAIN) \
    ROW(RS512,     "RS512",     SHA512, ANY, RSA_4096,  PLAIN) \
    ROW(PS256,     "PS256",     SHA256, ANY, RSA_4096,  PSS) \
    ROW(PS384,     "PS384",     SHA384, ANY, RSA_4096,  PSS) \
    ROW(PS512,     "PS512",     SHA512, ANY, RSA_4096,  PSS) \
    ROW(ES256,     "ES256",     SHA256, ONE, P256,      PLAIN) \
    ROW(ES384,     "ES384",     SHA384, ONE, P384,      PLAIN) \
    ROW(ES512,     "ES512",     SHA512, ONE, P521,      PLAIN) \
    ROW(ES256K,    "ES256K",    SHA256, ONE, SECP256K1, PLAIN) \
    ROW(EDDSA,     "EdDSA",     NONE,   ANY, ED25519,   PLAIN) \
    ROW(ED25519,   "Ed25519",   NONE,   ONE, ED25519,   PLAIN) \
    ROW(ED448,     "Ed448",     NONE,   ONE, ED448,     PLAIN) \
    ROW(ML_DSA_44, "ML-DSA-44", NONE,   ONE, ML_DSA_44, PLAIN) \
    ROW(ML_DSA_65, "ML-DSA-65", NONE,   ONE, ML_DSA_65, PLAIN) \
    ROW(ML_DSA_87, "ML-DSA-87", NONE,   ONE, ML_DSA_87, PLAIN)

// clang-format on

#endif
