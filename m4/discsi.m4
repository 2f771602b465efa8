dnl SPDX-License-Identifier: LGPL-2.1-or-later
dnl discsi.m4: the macros that configure.ac is made of.

dnl DSC_REQUIRE(VARIABLE, MODULES, PACKAGES)
dnl Finds pkg-config MODULES and sets VARIABLE_CFLAGS and VARIABLE_LIBS. What is
dnl missing is remembered, so that DSC_REQUIRE_DONE names everything at once.
AC_DEFUN([DSC_REQUIRE], [
	PKG_CHECK_MODULES([$1], [$2], [], [
		AC_MSG_RESULT([no])
		AS_VAR_APPEND([dsc_missing], ["
  $2 (Debian package: $3)"])
		AS_VAR_APPEND([dsc_packages], [" $3"])
	])
])

dnl DSC_WITH(NAME, VARIABLE, MODULES, PACKAGES, HELP)
dnl Does the same for what can be done without: --with-NAME requires it,
dnl --without-NAME leaves it out, and else it is used if it is there. with_NAME
dnl is yes or no afterwards.
AC_DEFUN([DSC_WITH], [
	AC_ARG_WITH([$1], [AS_HELP_STRING([--without-$1], [$5])], [],
		[with_$1=auto])
	AS_CASE([$with_$1],
		[no], [],
		[auto], [PKG_CHECK_MODULES([$2], [$3], [with_$1=yes],
			[with_$1=no])],
		[with_$1=yes
		DSC_REQUIRE([$2], [$3], [$4])])
])

AC_DEFUN([DSC_REQUIRE_DONE], [
	AS_VAR_IF([dsc_missing], [], [], [
		AC_MSG_ERROR([these libraries are missing:$dsc_missing

On Debian: apt-get install$dsc_packages
or run scripts/install-deps, which installs everything that discsi needs.])
	])
])

dnl DSC_ARG_DIR(NAME, CONDITIONAL, DEFAULT, WHAT)
dnl A directory that belongs to another program. The default is below the
dnl prefix, where such programs look if that is /usr or /usr/local, and where
dnl everybody may write who may install.
AC_DEFUN([DSC_ARG_DIR], [
	AC_ARG_WITH([$1], [AS_HELP_STRING([--with-$1=DIR],
		[install $4 in DIR, not PREFIX/$3; no: nowhere])], [],
		[with_$1=yes])
	AS_CASE([$with_$1], [yes], [$1='${prefix}/$3'],
		[no], [$1=''], [$1=$with_$1])
	AC_SUBST([$1])
	AM_CONDITIONAL([$2], [test "x$$1" != x])
])

dnl The sanitizers to build with, as for the compiler's -fsanitize=.
AC_DEFUN([DSC_ARG_SANITIZERS], [
	AC_ARG_ENABLE([sanitizers],
		[AS_HELP_STRING([--enable-sanitizers=LIST],
			[build with -fsanitize=LIST: address,undefined or
			thread])],
		[], [enable_sanitizers=no])
	AS_CASE([$enable_sanitizers],
		[yes], [enable_sanitizers=address,undefined])
	SANITIZER_FLAGS=
	AS_VAR_IF([enable_sanitizers], [no], [], [
		SANITIZER_FLAGS="-fsanitize=$enable_sanitizers"
		SANITIZER_FLAGS="$SANITIZER_FLAGS -fno-sanitize-recover=all"
		SANITIZER_FLAGS="$SANITIZER_FLAGS -fno-omit-frame-pointer -g"
		dsc_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS $SANITIZER_FLAGS"
		AC_MSG_CHECKING([whether $CC takes $SANITIZER_FLAGS])
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
			[AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no])
			AC_MSG_ERROR([--enable-sanitizers=$enable_sanitizers:
the compiler does not accept $SANITIZER_FLAGS])])
		CFLAGS=$dsc_save_CFLAGS
	])
	AC_SUBST([SANITIZER_FLAGS])
	AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" != xno])
])

AC_DEFUN([DSC_ARG_WERROR], [
	AC_ARG_ENABLE([werror],
		[AS_HELP_STRING([--enable-werror],
			[a compiler warning is an error])],
		[], [enable_werror=no])
])

dnl DSC_TRY_FLAG(VARIABLE, FLAG): appends FLAG where the compiler knows it.
AC_DEFUN([DSC_TRY_FLAG], [
	AC_MSG_CHECKING([whether $CC takes $2])
	dsc_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $2"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes])
		AS_VAR_APPEND([$1], [" $2"])],
		[AC_MSG_RESULT([no])])
	CFLAGS=$dsc_save_CFLAGS
])

AC_DEFUN([DSC_PROG_CC_C11], [
	STD_CFLAGS=
	DSC_TRY_FLAG([STD_CFLAGS], [-std=gnu11])
	AS_VAR_IF([STD_CFLAGS], [],
		[AC_MSG_ERROR([$CC does not know C11 (-std=gnu11)])])
	AC_SUBST([STD_CFLAGS])
])

AC_DEFUN([DSC_WARNINGS], [
	WARN_CFLAGS=
	m4_foreach_w([dsc_flag], [-Wall -Wextra -Wshadow -Wvla
		-Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
		-Wwrite-strings -Wformat=2 -Wundef -Wconversion
		-Wno-sign-conversion],
		[DSC_TRY_FLAG([WARN_CFLAGS], dsc_flag)])
	AS_VAR_IF([enable_werror], [no], [],
		[WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	AC_SUBST([WARN_CFLAGS])
])

dnl What the shared library is linked with: only what it uses, all of it.
AC_DEFUN([DSC_LINKER_FLAGS], [
	AS_NEEDED=
	NO_UNDEFINED=
	DSC_TRY_FLAG([AS_NEEDED], [-Wl,--as-needed])
	AS_VAR_IF([enable_sanitizers], [no],
		[DSC_TRY_FLAG([NO_UNDEFINED], [-Wl,-z,defs])])
	AC_SUBST([AS_NEEDED])
	AC_SUBST([NO_UNDEFINED])
])
