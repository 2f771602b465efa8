// SPDX-License-Identifier: LGPL-2.1-or-later

package discsi

// #include <discsi/discsi.h>
import "C"

import (
	"runtime"
	"syscall"
)

// Error is a failure of the library: an errno of the table in
// discsi_error(3), and a sentence for an operator. errors.Is compares it with
// syscall.EACCES and its like.
type Error struct {
	Errno   syscall.Errno
	Message string
}

func (e *Error) Error() string { return e.Message }

// Unwrap makes errors.Is(err, syscall.ENOENT) work.
func (e *Error) Unwrap() error { return e.Errno }

// call runs one function of the library and takes up its error. The library
// keeps errors per thread, so the goroutine stays on its thread meanwhile.
func call(function func() C.int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := function(); status < 0 {
		last := C.discsi_last_error()
		return &Error{syscall.Errno(-status), C.GoString(&last.message[0])}
	}
	return nil
}
