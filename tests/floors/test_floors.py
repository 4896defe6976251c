"""Fails when an #include reaches a floor that its folder may not use, or a library outside the folders that it is
confined to.

usage: test_floors.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
FORMATS = {"base", "jose", "wire"}
SIDE_BY_SIDE = FORMATS | {"domain"}

# Which folders' headers each folder may include, besides its own.
MAY_USE = {
    "proto/base": set(),
    "proto/jose": {"base"},
    "proto/wire": {"base"},
    "proto/dial": {"base", "wire"},
    "service/domain": FORMATS,
    "service/access": SIDE_BY_SIDE,
    "service/store": SIDE_BY_SIDE,
    "service/store/lmdb": SIDE_BY_SIDE | {"store"},
    "service/seal": SIDE_BY_SIDE,
    "service/net": FORMATS,
    "service/signer": SIDE_BY_SIDE | {"seal"},
    "service/events": SIDE_BY_SIDE | {"net"},
    "service/keyring": SIDE_BY_SIDE | {"access", "store", "seal", "signer", "events"},
    "service/operations": SIDE_BY_SIDE | {"access", "store", "seal", "signer", "events", "keyring", "net"},
    "service/rpc": SIDE_BY_SIDE | {"access", "operations", "net"},
    "service/relay": {"base", "wire", "dial", "net", "operations"},
    "service/daemon": SIDE_BY_SIDE | {"access", "store", "store/lmdb", "seal", "signer", "events", "keyring", "net", "operations", "rpc", "relay"},
    "client/include": set(),
    "client/lib": FORMATS | {"dial"},
    "client/cli": {"base"},
    "client/examples": set(),
}
# The rooms of a folder, and which others of it each may include; "" is what stands in no room, and a file that has a
# row of its own is one.
ROOMS = {
    "service/keyring": {
        "model": set(),
        "": {"model"},
        "records": {"", "model"},
        "changes": {"", "model", "records"},
        "answers": {"", "model", "records", "changes"},
        "open.c": {"", "model", "records", "changes"},
    },
    "client/lib": {
        "connection": set(),
        "judge": set(),
        "ask": {"connection"},
        "follow": {"connection", "ask", "judge"},
        "": {"connection", "ask", "follow", "judge"},
    },
    # The table, which relays look into, knows nothing of the door, which holds the keyring.
    "service/operations": {"": {"table.h"}, "table.h": set(), "table.c": {"table.h"}},
}
# What <jwkd.h> and <jwkd/status.h> are to each: the client's interface is no business of the service.
PUBLIC = {"jwkd.h": {"client/lib", "client/cli", "client/examples"}}
# Libraries, and where alone they may be seen.
CONFINED = {
    "nng": {"proto/dial", "service/net", "service/events", "service/relay", "service/daemon", "client/lib"},
    "lmdb.h": {"service/store/lmdb"},
    "openssl": {"proto/base", "proto/jose", "service/seal", "service/signer", "service/store"},
    "jansson.h": {"client/cli"},
    "microhttpd.h": {"service/http"},
    "curl": {"service/store"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


# What is of one library alone, and no other folder names.
WORDS = {re.compile(r"\.mdb\b|\bjwkd\.(store|witness|note|lock|ballast)\b"): "service/store/lmdb"}


def folder_of(parts):
    """The floor of a file: a folder of a folder may be one of its own."""
    inner = "/".join(parts[:3])
    return inner if inner in MAY_USE else "/".join(parts[:2])


def room_of(rooms, inside):
    """The room of a file, by its path within the folder."""
    if inside in rooms:
        return inside
    return inside.split("/")[0] if "/" in inside else ""


def complain_of_room(folder, path, name):
    """Within a folder that has rooms: whether what is included stands in one that this file may look into."""
    rooms, own = ROOMS.get(folder), folder.split("/", 1)[1] + "/"
    if not rooms or not name.startswith(own):
        return None
    here = room_of(rooms, str(path.relative_to(ROOT / folder)))
    there = room_of(rooms, name[len(own):])
    if here not in rooms:
        return f"{here} is no room of {folder}; give it a row in {__file__}"
    return None if there == here or there in rooms[here] else f"{here or 'no room'} may not use {name}"


def complaints(folder, path):
    own = folder.split("/", 1)[1]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(ROOT)}:{number}: {folder}"
        for word, home in WORDS.items():
            if word.search(line) and folder != home:
                yield f"{where} may not name {word.search(line)[0]}: {home} does"
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, name = found.groups()
        first = name.split("/")[0]
        module = folder_of(["service"] + name.split("/")).split("/", 1)[1]
        if quote == '"' and "/" in name and module != own and module not in MAY_USE[folder]:
            yield f"{where} may not use {name}"
        in_room = complain_of_room(folder, path, name)
        if in_room:
            yield f"{where}: {in_room}"
        if ".." in name.split("/"):
            yield f"{where}: {name} climbs out of its folder"
        if name in PUBLIC and folder not in PUBLIC[name]:
            yield f"{where} may not use {name}"
        if first in CONFINED and folder not in CONFINED[first]:
            yield f"{where} may not use {name}: {first} is confined to {', '.join(sorted(CONFINED[first]))}"


def main():
    found, files = [], 0
    for top in ("proto", "service", "client"):
        for path in sorted((ROOT / top).rglob("*.[ch]")):
            folder = folder_of(path.relative_to(ROOT).parts)
            files += 1
            if folder not in MAY_USE:
                found.append(f"{path.relative_to(ROOT)}: {folder} stands on no floor; give it one in {__file__}")
            else:
                found += complaints(folder, path)
    print("\n".join(found))
    print(f"{files} files, {len(found)} complaints")
    sys.exit(1 if found or files < 50 else 0)


main()
