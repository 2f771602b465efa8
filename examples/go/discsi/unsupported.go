// SPDX-License-Identifier: LGPL-2.1-or-later

package discsi

// #include <stdlib.h>
// #include <discsi/discsi.h>
import "C"

import (
	"errors"
	"syscall"
	"unsafe"
)

// What an iSCSI LUN has not: each answers EOPNOTSUPP with the reason, unless
// the storage is of a type that has it.

func named(first, second string, function func(a, b *C.char) C.int) error {
	a, b := C.CString(first), C.CString(second)
	defer C.free(unsafe.Pointer(a))
	defer C.free(unsafe.Pointer(b))
	return call(func() C.int { return function(a, b) })
}

func (s *storage) CreateSnapshot(diskID, snapshotID string) error {
	return named(diskID, snapshotID, func(a, b *C.char) C.int {
		return C.discsi_storage_create_snapshot(s.handle, a, b)
	})
}

func (s *storage) DeleteSnapshot(diskID, snapshotID string) error {
	return named(diskID, snapshotID, func(a, b *C.char) C.int {
		return C.discsi_storage_delete_snapshot(s.handle, a, b)
	})
}

func (s *storage) SnapshotExists(diskID, snapshotID string) (bool, error) {
	err := named(diskID, snapshotID, func(a, b *C.char) C.int {
		return C.discsi_storage_snapshot_exists(s.handle, a, b)
	})
	if errors.Is(err, syscall.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

func (s *storage) StorageBackup(diskID, backupID string) error {
	return named(diskID, backupID, func(a, b *C.char) C.int {
		return C.discsi_storage_backup(s.handle, a, b)
	})
}

func (s *storage) StorageRecovery(diskID, backupID string) error {
	return named(diskID, backupID, func(a, b *C.char) C.int {
		return C.discsi_storage_recover(s.handle, a, b)
	})
}

func (s *storage) CloneDisk(diskID, newID string) error {
	return named(diskID, newID, func(a, b *C.char) C.int {
		return C.discsi_storage_clone_disk(s.handle, a, b)
	})
}

func (s *storage) SaveToImage(diskID, imageID string) error {
	return named(diskID, imageID, func(a, b *C.char) C.int {
		return C.discsi_storage_save_to_image(s.handle, a, b)
	})
}
