/* Gathered writes: an SQLite VFS like its own for Unix, but for the WAL.
 *
 * SQLite writes each page of a transaction to the WAL in two pieces, header and page: ten calls for a change
 * of four or five pages, a third of what it costs apart from the disk. Here they are collected and written in
 * one piece, when SQLite wants them synced or reads there. */
#ifndef PODTREE_GATHER_H
#define PODTREE_GATHER_H

/* Makes the VFS known to SQLite (once is enough, again does no harm) and returns its name, or NULL when
 * SQLite has no VFS for Unix. */
const char *gather_vfs(void);

#endif
