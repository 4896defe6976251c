# Completion of jwkctl for bash: verbs, options, and what the service has of environments and keys.

_jwkctl_verbs="env generate rotate import list show set-primary retire deactivate destroy operation subscribers
    sign verify inspect jwks watch whoami account token grant explain status ping help"
_jwkctl_global_options="--url --token-file --insecure-tcp --json --help --version"

# The options of a verb.
_jwkctl_options() {
    case $1 in
    'env create')
        echo --issuer --algorithm --bits --aud --max-ttl --ttl --leeway --mode --show-once --rotate-every --jwks-max-age
        ;;
    'env update')
        echo --issuer --algorithm --bits --aud --max-ttl --ttl --leeway --mode --show-once --no-show-once \
            --rotate-every --jwks-max-age
        ;;
    'env delete') echo --force --yes ;;
    generate) echo --algorithm --bits --hold --now --wait --timeout --invalidate --no-wait ;;
    rotate) echo --algorithm --bits --now --wait --timeout --abort ;;
    import) echo --algorithm --hold --now --wait --timeout --invalidate ;;
    deactivate) echo --allow-none --yes --no-wait ;;
    destroy) echo --yes ;;
    sign) echo --claims --sub --aud --ttl --type --payload ;;
    verify) echo --alg --aud --iss --leeway --type --local --jwks --signature-only ;;
    jwks) echo --pem ;;
    'account create') echo --note ;;
    'account delete') echo --yes ;;
    'token create') echo --note --out --ttl ;;
    'grant add') echo --rule --dry-run ;;
    'grant remove') echo --dry-run ;;
    'grant test') echo --claims --aud --ttl --type ;;
    esac
}

# Whether an option is followed by its value.
_jwkctl_takes_value() {
    case $1 in
    --alg | --algorithm | --aud | --bits | --claims | --invalidate | --iss | --issuer | --jwks | --jwks-max-age | --leeway | \
        --max-ttl | --mode | --note | --out | --payload | --rotate-every | --rule | --sub | --timeout | --token-file | \
        --ttl | --type | --url) return 0 ;;
    *) return 1 ;;
    esac
}

# Asks the service that the command line names; silent where there is none. The first argument is a pattern that
# begins with the member whose text is wanted. Names and kids have no escapes in JSON.
_jwkctl_ask() {
    local pattern=$1
    shift
    "$_jwkctl_program" "${_jwkctl_url[@]}" "${_jwkctl_token_file[@]}" --json "$@" 2>/dev/null </dev/null |
        grep -oE "$pattern" | cut -d'"' -f4 | sort -u
}

_jwkctl_environments() { _jwkctl_ask '"name":"[^"]*"' env list; }
# The keys of an environment that are in one of the states, as in 'active|retiring'; a key tells its kid and then its
# state.
_jwkctl_kids() { [[ -z $1 ]] || _jwkctl_ask "\"kid\":\"[^\"]*\",\"state\":\"($2)\"" list "$1"; }

# What may stand as the value of an option.
_jwkctl_option_values() {
    case $1 in
    --mode) echo overlap exclusive ;;
    --bits) echo 2048 3072 4096 ;;
    --alg | --algorithm)
        echo RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 ES256K EdDSA Ed25519 Ed448 ML-DSA-44 ML-DSA-65 ML-DSA-87
        ;;
    --invalidate) _jwkctl_kids "$2" 'primary|active|retiring' ;;
    esac
}

# What may stand as the next word behind a verb: arguments are the verb, then its words so far.
_jwkctl_words() {
    local verb=$1
    shift
    case $verb:$# in
    :0) echo "$_jwkctl_verbs" ;;
    env:0) echo create update list show delete ;;
    operation:0) echo show ;;
    'operation show:0') _jwkctl_ask '"id":"[^"]*"' env list ;; # those that wait
    account:0) echo create list show delete ;;
    token:0) echo create list revoke ;;
    grant:0) echo add list remove test ;;
    'account show:0' | 'account delete:0' | 'token create:0' | 'token list:0') _jwkctl_ask '"name":"[^"]*"' account list ;;
    'token revoke:0') _jwkctl_ask '"id":"[^"]*"' token list ;;
    'grant remove:0') _jwkctl_ask '"id":"[^"]*"' grant list ;;
    'grant list:0') _jwkctl_ask '"principal":"[^"]*"' grant list ;;
    'grant add:1') echo viewer verifier signer raw-signer operator importer auditor relay admin ;;
    'grant test:1') echo sign sign_raw verify generate rotate set_primary retire deactivate destroy import list_keys ;;
    'grant add:2' | 'grant test:2') _jwkctl_environments ;;
    help:0) echo "$_jwkctl_verbs" ;;
    help:1)
        case $1 in
        env) echo create update list show delete ;;
        operation) echo show ;;
        account) echo create list show delete ;;
        token) echo create list revoke ;;
        grant) echo add list remove test ;;
        esac
        ;;
    account\ * | token\ * | grant\ * | whoami:* | explain:*) ;;
    'env list:'* | 'env create:'* | status:* | ping:* | inspect:* | help:* | 'operation show:'*) ;;
    verify:0) [[ -n $_jwkctl_jwks ]] || _jwkctl_environments ;; # with --jwks only a token follows
    *:0) _jwkctl_environments ;;
    show:1) _jwkctl_kids "$1" '[a-z]+' ;;
    set-primary:1) _jwkctl_kids "$1" 'active|retiring' ;;
    retire:1) _jwkctl_kids "$1" active ;;
    deactivate:1) _jwkctl_kids "$1" 'primary|active|retiring' ;;
    destroy:1) _jwkctl_kids "$1" deactivated ;;
    esac
}

_jwkctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous='' word i verb='' options_ended=''
    local -a words=() _jwkctl_url=() _jwkctl_token_file=()
    local _jwkctl_program=${COMP_WORDS[0]} _jwkctl_jwks=''
    COMPREPLY=()

    # bash hands "--name=value" over as three words.
    [[ $current != '=' ]] || current=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ $word != '=' ]] || continue
        if [[ -n $options_ended ]]; then
            words+=("$word")
        elif [[ $word == -- ]]; then
            options_ended=1
        elif [[ -n $previous ]]; then
            [[ $previous != --url ]] || _jwkctl_url=(--url "$word")
            [[ $previous != --token-file ]] || _jwkctl_token_file=(--token-file "$word")
            [[ $previous != --jwks ]] || _jwkctl_jwks=$word
            previous=''
        elif _jwkctl_takes_value "$word"; then
            previous=$word
        elif [[ $word != -? && ($word != --* || $word == *[!a-z-]*) ]]; then # a kid may begin with a dash, or two
            words+=("$word")
        fi
    done

    verb=${words[0]-}
    words=("${words[@]:1}")
    if [[ $verb =~ ^(env|operation|account|token|grant)$ && ${#words[@]} -gt 0 ]]; then
        verb="$verb ${words[0]}"
        words=("${words[@]:1}")
    fi

    if [[ -n $previous ]]; then
        case $previous in
        --claims | --payload | --jwks | --out | --rule | --token-file) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$(_jwkctl_option_values "$previous" "${words[0]-}")" -- "$current") ;;
        esac
    elif [[ -z $options_ended && $current == -* ]]; then # options, and kids that begin with a dash
        mapfile -t COMPREPLY < <(compgen -W "$(_jwkctl_options "$verb") $_jwkctl_global_options \
            $([[ ${#words[@]} -ne 1 ]] || _jwkctl_words "$verb" "${words[@]}")" -- "$current")
    elif [[ $verb == import && ${#words[@]} -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -W "$(_jwkctl_words "$verb" "${words[@]}")" -- "$current")
    fi
}

complete -o filenames -F _jwkctl jwkctl
