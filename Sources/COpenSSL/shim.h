// The part of OpenSSL 3 that Jackfield uses: Identity verifies and signs tokens, Transport hashes WebSocket keys.
#pragma once

#if !__has_include(<openssl/core_names.h>)
#error "the headers of OpenSSL 3 are missing: run 'make packages', or install libssl-dev"
#endif

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

// A constant, because Swift does not import macros that are expressions of other macros.
static const int jf_public_key_selection = EVP_PKEY_PUBLIC_KEY;
