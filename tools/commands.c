/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commands.c: the table of subcommands, with the text of their help.
 */
#include "cli.h"

#define LOGIN (CLI_ALL | CLI_LOGIN)

const struct cli_command cli_commands[] = {
	{ "discover", "[PORTAL]", 0, 1, LOGIN,
	  "the targets that a portal offers",
	  "PORTAL is HOST[:PORT] (port 3260 unless given, IPv6 in\n"
	  "brackets), or iscsi://[user[%secret]@]host[:port]. It may be\n"
	  "left out when --config names one.\n",
	  run_discover },
	{ "list", "[URL]", 0, 1, LOGIN,
	  "the LUNs of a target",
	  "URL is iscsi://[user[%secret]@]host[:port]/iqn. Every LUN that\n"
	  "the target reports is listed, with what it tells of itself.\n",
	  run_list },
	{ "info", "[URL]", 0, 1, LOGIN,
	  "what a LUN is: identity, size, abilities",
	  "URL is iscsi://[user[%secret]@]host[:port]/iqn/lun.\n",
	  run_info },
	{ "copy", "SOURCE DESTINATION", 2, 2, LOGIN | CLI_COPY,
	  "copy a LUN or a file to a LUN or a file",
	  "SOURCE and DESTINATION are iscsi:// URLs with a LUN, files, or\n"
	  "block devices. A file is made or replaced, and is sparse where\n"
	  "the source is empty. A LUN must be at least as large as the\n"
	  "source; what is beyond the source is left as it was. Nothing is\n"
	  "written to a LUN for the empty parts of the source, they are\n"
	  "zeroed (and deallocated where possible). An interrupted copy\n"
	  "leaves an incomplete destination.\n",
	  run_copy },
	{ "attach", "[URL]", 0, 1, LOGIN | CLI_ATTACH,
	  "make a LUN a local disk",
	  "Starts a discsi-nbd process that serves the LUN until it is\n"
	  "detached. --device says how: auto (a kernel device where there\n"
	  "can be one, else a socket), nbd (any free kernel device),\n"
	  "/dev/nbdN, socket (an NBD socket in the registry's directory),\n"
	  "or the path of an NBD socket.\n",
	  run_attach },
	{ "detach", "WHICH", 1, 1, CLI_ALL | CLI_DETACH,
	  "end a local disk",
	  "WHICH is the id that attach and status print, a device, the path\n"
	  "of a socket, or the number of a process. A device that is\n"
	  "mounted, swap, or held by another device, or that an agent has\n"
	  "mounted as a storage, is not detached unless --force is given;\n"
	  "--wait gives them time to let go of it.\n",
	  run_detach },
	{ "status", "[WHICH]", 0, 1, CLI_ALL,
	  "the LUNs that are attached",
	  "One line for each discsi-nbd process of this user, or all that\n"
	  "is known of one, with statistics: WHICH is its id, its device or\n"
	  "the path of its socket. While one is \"recovering\" its I/O waits\n"
	  "for the target to come back; one that has \"failed\" fails all\n"
	  "I/O, and is to be detached and attached again; one that is\n"
	  "\"dead\" has ended without cleaning up: detach it.\n",
	  run_status },
	{ "help", "[COMMAND]", 0, 1, CLI_ALL,
	  "this, or the help of a command",
	  "",
	  run_help },
	{ 0 }
};
