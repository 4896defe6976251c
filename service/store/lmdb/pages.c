#include "store/lmdb/pages.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* LMDB's file format 1, in the machine's own byte order and word size, as its library reads and writes it. */
enum {
    FORMAT = 1,
    PAGE_SIZE_LEAST = 512,
    PAGE_SIZE_MOST = 32768,
    DEPTH_MOST = 32,
    FIRST_PAGE = 2, /* the first two describe the database */
    /* How far the last page may lie behind the file's end. One transaction has at most 2^17 pages, and those
     * that it took and gave back were never written. */
    TAIL_MOST = 1 << 20,
};
enum page_flags {
    BRANCH = 1,
    LEAF = 2,
    OVERFLOW = 4,
    META = 8,
    KINDS = BRANCH | LEAF | OVERFLOW | META | 0x60
};
enum tree_flags { FIXED_MAP = 1, INTEGER_KEY = 8, DUPLICATES = 0x04 | 0x10 | 0x20 | 0x40 };
enum node_flags { ELSEWHERE = 1 };
enum { FREE_LISTS, ROWS, TREES };

struct page_head {
    size_t number;
    uint16_t pad, flags;
    union {
        struct {
            uint16_t lower, upper; /* the end of the offsets; the start of the nodes */
        };
        uint32_t pages; /* of a value that has pages of its own */
    };
};

struct tree {
    uint32_t page_size; /* in the description of the first tree only */
    uint16_t flags, depth;
    size_t branches, leaves, overflows, entries, root;
};
static const size_t NO_ROOT = SIZE_MAX;
static const uint32_t MAGIC = 0xBEEFC0DE;

struct meta {
    struct page_head head;
    uint32_t magic, format;
    void *address;
    size_t map_size;
    struct tree trees[TREES];
    size_t last_page, txn;
};

struct node {
    uint32_t size; /* of the value; in a branch the low half of a page's number, the high half being in the
                      flags */
    uint16_t flags, key_size;
};

struct pages {
    int fd;
    size_t page_size;
    size_t count;     /* in the file */
    size_t last_page; /* the last page that was ever taken; the file may end before it when the last pages are
                         free */
    uint8_t *taken;   /* a bit for each page of the file */
};

static void pages_clear(struct pages *pages)
{
    free(pages->taken);
}

static bool read_at(int fd, void *out, size_t size, size_t offset)
{
    return pread(fd, out, size, (off_t)offset) == (ssize_t)size;
}

/* ---- the two descriptions ---- */

static bool is_meta(const struct meta *meta, size_t number)
{
    const struct tree *trees = meta->trees;
    return meta->head.number == number && (meta->head.flags & KINDS) == META && meta->magic == MAGIC &&
           meta->format == FORMAT && meta->txn % 2 == number && trees[FREE_LISTS].depth <= DEPTH_MOST &&
           trees[ROWS].depth <= DEPTH_MOST && trees[ROWS].flags == 0 &&
           (trees[FREE_LISTS].flags & (INTEGER_KEY | FIXED_MAP | DUPLICATES)) == INTEGER_KEY;
}

/* Commits write the two descriptions in turn, so their transaction numbers follow each other. If one number
 * is scribbled on, LMDB may take the older description, and the last commit is lost in silence. */
static bool read_meta(struct pages *pages, struct meta *out)
{
    struct meta even, odd;
    if (!read_at(pages->fd, &even, sizeof even, 0)) return false;
    size_t page_size = even.trees[FREE_LISTS].page_size;
    if (page_size < PAGE_SIZE_LEAST || page_size > PAGE_SIZE_MOST || (page_size & (page_size - 1)))
        return false;
    if (!read_at(pages->fd, &odd, sizeof odd, page_size)) return false;
    if (odd.trees[FREE_LISTS].page_size != page_size || !is_meta(&even, 0) || !is_meta(&odd, 1)) return false;
    if (odd.txn != even.txn + 1 && even.txn != odd.txn + 1) return false;
    *out = odd.txn > even.txn ? odd : even;
    pages->page_size = page_size;
    pages->last_page = out->last_page;
    return true;
}

/* ---- pages ---- */

static bool take(struct pages *pages, size_t first, size_t count)
{
    if (first < FIRST_PAGE || first > pages->last_page || count > pages->last_page - first + 1) return false;
    for (size_t page = first; page < first + count; page++) {
        uint8_t bit = (uint8_t)(1 << page % 8);
        if (page >= pages->count || (pages->taken[page / 8] & bit)) return false;
        pages->taken[page / 8] |= bit;
    }
    return true;
}

/* Free pages behind the file's end need no bit: nothing else can take them. */
static bool take_free(struct pages *pages, size_t page)
{
    return page < pages->count ? take(pages, page, 1) : page <= pages->last_page;
}

/* A list of free pages: their count, then their numbers, falling. */
static bool take_free_list(struct pages *pages, struct bytes list)
{
    size_t count, page, previous = SIZE_MAX;
    if (list.size < sizeof count) return false;
    memcpy(&count, list.data, sizeof count);
    if (count > list.size / sizeof page - 1) return false;
    for (size_t i = 1; i <= count; i++, previous = page) {
        memcpy(&page, list.data + i * sizeof page, sizeof page);
        if (page >= previous || !take_free(pages, page)) return false;
    }
    return true;
}

/* Takes the pages of a value that has its own. *out_offset is where the value begins in the file. */
static bool take_value(struct pages *pages, size_t first, size_t size, size_t *out_offset)
{
    struct page_head head;
    size_t count = (sizeof head - 1 + size) / pages->page_size + 1;
    if (!take(pages, first, count)) return false;
    size_t offset = first * pages->page_size;
    if (!read_at(pages->fd, &head, sizeof head, offset)) return false;
    if (head.number != first || (head.flags & KINDS) != OVERFLOW || head.pages != count) return false;
    *out_offset = offset + sizeof head;
    return true;
}

static bool check_leaf_node(struct pages *pages, const struct node *node, struct bytes rest, bool free_lists)
{
    if (node->flags & ~ELSEWHERE || node->key_size > rest.size) return false;
    struct bytes value = bytes_of(rest.data + node->key_size, rest.size - node->key_size);
    if (!(node->flags & ELSEWHERE)) {
        if (node->size > value.size) return false;
        return !free_lists || take_free_list(pages, bytes_of(value.data, node->size));
    }
    size_t first, offset;
    if (value.size < sizeof first) return false;
    memcpy(&first, value.data, sizeof first);
    if (!take_value(pages, first, node->size, &offset)) return false;
    if (!free_lists) return true;
    /* The value is not larger than the file, since its pages could be taken. */
    CLEANUP(free_at) uint8_t *list = malloc(node->size);
    return list && read_at(pages->fd, list, node->size, offset) &&
           take_free_list(pages, bytes_of(list, node->size));
}

static bool check_page(struct pages *pages, size_t number, unsigned depth, bool free_lists);

static bool check_node(struct pages *pages, struct bytes bytes, unsigned depth, bool free_lists)
{
    struct node node;
    if (bytes.size < sizeof node) return false;
    memcpy(&node, bytes.data, sizeof node);
    struct bytes rest = bytes_of(bytes.data + sizeof node, bytes.size - sizeof node);
    if (depth == 1) return check_leaf_node(pages, &node, rest, free_lists);
    uint64_t child = node.size | (sizeof(size_t) > 4 ? (uint64_t)node.flags << 32 : 0);
    return node.key_size <= rest.size && check_page(pages, (size_t)child, depth - 1, free_lists);
}

/* Checks a page of a tree, and all pages below it. Leaves have the depth 1. */
static bool check_page(struct pages *pages, size_t number, unsigned depth, bool free_lists)
{
    CLEANUP(free_at) uint8_t *page = malloc(pages->page_size);
    struct page_head head;
    if (!page || !take(pages, number, 1)) return false;
    if (!read_at(pages->fd, page, pages->page_size, number * pages->page_size)) return false;
    memcpy(&head, page, sizeof head);
    if (head.number != number || (head.flags & KINDS) != (depth == 1 ? LEAF : BRANCH)) return false;
    if (head.lower <= sizeof head || head.lower > head.upper || head.upper > pages->page_size) return false;
    for (size_t at = sizeof head; at + 1 < head.lower; at += sizeof(uint16_t)) {
        uint16_t offset;
        memcpy(&offset, page + at, sizeof offset);
        if (offset < head.upper || offset >= pages->page_size) return false;
        if (!check_node(pages, bytes_of(page + offset, pages->page_size - offset), depth, free_lists))
            return false;
    }
    return true;
}

static bool check_tree(struct pages *pages, const struct tree *tree, bool free_lists)
{
    if (tree->root == NO_ROOT) return tree->depth == 0;
    return tree->depth > 0 && check_page(pages, tree->root, tree->depth, free_lists);
}

jwkd_status lmdb_pages_check(int fd)
{
    CLEANUP(pages_clear) struct pages pages = {.fd = fd};
    struct stat file;
    struct meta meta;
    if (fstat(fd, &file) != 0) return JWKD_UNAVAILABLE;
    if (!read_meta(&pages, &meta)) return JWKD_CORRUPT;
    pages.count = (size_t)file.st_size / pages.page_size;
    if (pages.last_page >= pages.count + TAIL_MOST) return JWKD_CORRUPT;
    pages.taken = calloc(1, pages.count / 8 + 1);
    if (!pages.taken) return JWKD_NO_MEMORY;
    bool whole =
        check_tree(&pages, &meta.trees[ROWS], false) && check_tree(&pages, &meta.trees[FREE_LISTS], true);
    return whole ? JWKD_OK : JWKD_CORRUPT;
}
