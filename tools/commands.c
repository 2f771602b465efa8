/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commands.c: the table of subcommands, with the text of their help.
 */
#include "cli.h"

#define LOGIN (CLI_ALL | CLI_LOGIN)

const struct cli_command cli_commands[] = {
	{ "discover", "[PORTAL]", 0, 1, LOGIN,
	  "the targets that a portal offers",
	  "PORTAL is HOST[:PORT] (port 3260 unless given, IPv6 in brackets), or\n"
	  "iscsi://[user[%secret]@]host[:port]. It may be left out when --config\n"
	  "names one.\n",
	  run_discover },
	{ "list", "[URL]", 0, 1, LOGIN,
	  "the LUNs of a target",
	  "URL is iscsi://[user[%secret]@]host[:port]/iqn. Every LUN that the\n"
	  "target reports is listed, with what it tells of itself.\n",
	  run_list },
	{ "info", "[URL]", 0, 1, LOGIN,
	  "what a LUN is: identity, size, abilities",
	  "URL is iscsi://[user[%secret]@]host[:port]/iqn/lun.\n",
	  run_info },
	{ "copy", "SOURCE DESTINATION", 2, 2, LOGIN | CLI_COPY,
	  "copy a LUN or a file to a LUN or a file",
	  "SOURCE and DESTINATION are iscsi:// URLs with a LUN, files, or block\n"
	  "devices. A file is made or replaced, and is sparse where the source is\n"
	  "empty. A LUN must be at least as large as the source; what is beyond\n"
	  "the source is left as it was. Nothing is written to a LUN for the empty\n"
	  "parts of the source, they are zeroed (and deallocated where possible).\n"
	  "An interrupted copy leaves an incomplete destination.\n",
	  run_copy },
	{ "attach", "[URL]", 0, 1, LOGIN | CLI_ATTACH,
	  "make a LUN a local disk",
	  "Starts a discsi-nbd process that serves the LUN until it is detached.\n"
	  "--device says how: auto (a kernel device where there can be one, else a\n"
	  "socket), nbd (any free kernel device), /dev/nbdN, socket (an NBD socket\n"
	  "in the registry's directory), or the path of an NBD socket.\n",
	  run_attach },
	{ "detach", "WHICH", 1, 1, CLI_ALL | CLI_DETACH,
	  "end a local disk",
	  "WHICH is the id that attach and status print, a device, or the path of\n"
	  "a socket. A device that is mounted, swap, or held by another device is\n"
	  "not detached unless --force is given.\n",
	  run_detach },
	{ "status", "", 0, 0, CLI_ALL,
	  "the LUNs that are attached",
	  "One line for each discsi-nbd process of this user. One that is \"dead\"\n"
	  "has ended without cleaning up; detach it.\n",
	  run_status },
	{ "help", "[COMMAND]", 0, 1, CLI_ALL,
	  "this, or the help of a command",
	  "",
	  run_help },
	{ 0 }
};
