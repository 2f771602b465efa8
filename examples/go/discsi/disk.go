// SPDX-License-Identifier: LGPL-2.1-or-later

package discsi

// #include <stdlib.h>
// #include <discsi/discsi.h>
import "C"

import (
	"encoding/json"
	"unsafe"
)

// Disk is a part of a storage; of an iSCSI storage it is the whole LUN.
type Disk interface {
	GetDiskId() string
	GetDiskPath() (string, error)
	Probe() error
	// GetDiskFormat is "raw", or what libblkid finds: "ext4", "gpt" …
	GetDiskFormat() (string, error)
	GetDiskDesc() (json.RawMessage, error)
	GetDiskSize() (uint64, error)
	// ResizeDisk takes up a LUN that has grown; 0 takes what there is.
	ResizeDisk(bytes uint64) (uint64, error)
	Release()
}

type disk struct {
	handle *C.struct_discsi_disk
}

func (s *storage) CreateDisk(id string) (Disk, error) {
	return newDisk(id, func(cID *C.char, handle **C.struct_discsi_disk) C.int {
		return C.discsi_storage_create_disk(s.handle, cID, handle)
	})
}

func (s *storage) GetDiskById(id string) (Disk, error) {
	return newDisk(id, func(cID *C.char, handle **C.struct_discsi_disk) C.int {
		return C.discsi_storage_get_disk_by_id(s.handle, cID, handle)
	})
}

func newDisk(id string, function func(*C.char, **C.struct_discsi_disk) C.int) (Disk, error) {
	cID := C.CString(id)
	defer C.free(unsafe.Pointer(cID))
	result := &disk{}
	if err := call(func() C.int { return function(cID, &result.handle) }); err != nil {
		return nil, err
	}
	return result, nil
}

func (s *storage) RemoveDisk(id string) error {
	cID := C.CString(id)
	defer C.free(unsafe.Pointer(cID))
	return call(func() C.int {
		return C.discsi_storage_remove_disk(s.handle, cID)
	})
}

func (d *disk) GetDiskId() string { return C.GoString(C.discsi_disk_id(d.handle)) }

func (d *disk) text(function func(*C.struct_discsi_disk, **C.char) C.int) (string, error) {
	var text *C.char
	if err := call(func() C.int { return function(d.handle, &text) }); err != nil {
		return "", err
	}
	defer C.free(unsafe.Pointer(text))
	return C.GoString(text), nil
}

func (d *disk) GetDiskPath() (string, error) {
	return d.text(func(h *C.struct_discsi_disk, t **C.char) C.int {
		return C.discsi_disk_path(h, t)
	})
}

func (d *disk) GetDiskDesc() (json.RawMessage, error) {
	text, err := d.text(func(h *C.struct_discsi_disk, t **C.char) C.int {
		return C.discsi_disk_description(h, t)
	})
	return json.RawMessage(text), err
}

func (d *disk) Probe() error {
	return call(func() C.int { return C.discsi_disk_probe(d.handle) })
}

func (d *disk) GetDiskFormat() (string, error) {
	var format C.struct_discsi_disk_format
	format.size = C.size_t(unsafe.Sizeof(format))
	err := call(func() C.int {
		return C.discsi_disk_format(d.handle, &format)
	})
	return C.GoString(&format.format[0]), err
}

func (d *disk) GetDiskSize() (uint64, error) {
	var bytes C.uint64_t
	err := call(func() C.int { return C.discsi_disk_size(d.handle, &bytes) })
	return uint64(bytes), err
}

func (d *disk) ResizeDisk(bytes uint64) (uint64, error) {
	var now C.uint64_t
	err := call(func() C.int {
		return C.discsi_disk_resize(d.handle, C.uint64_t(bytes), &now)
	})
	return uint64(now), err
}

func (d *disk) Release() {
	C.discsi_disk_put(d.handle)
	d.handle = nil
}
