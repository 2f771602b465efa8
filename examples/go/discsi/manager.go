// SPDX-License-Identifier: LGPL-2.1-or-later

// Package discsi is the storage layer of libdiscsi for an agent written in Go:
// iSCSI disks on a host without open-iscsi, from a JSON configuration.
//
// Storage is the interface that an agent codes against; a Manager makes values
// of it. All of it may be used from any goroutine.
package discsi

// #cgo LDFLAGS: -ldiscsi
// #include <stdlib.h>
// #include <discsi/discsi.h>
import "C"

import "unsafe"

// Manager holds storages by id.
type Manager struct {
	handle *C.struct_discsi_storage_manager
}

// NewManager makes a manager; Close ends it.
func NewManager() (*Manager, error) {
	manager := &Manager{}
	err := call(func() C.int {
		return C.discsi_storage_manager_new(nil, &manager.handle)
	})
	if err != nil {
		return nil, err
	}
	return manager, nil
}

// Close ends a manager. Bridges that serve devices go on; see
// discsi_storage_manager_free().
func (m *Manager) Close() {
	C.discsi_storage_manager_free(m.handle)
	m.handle = nil
}

// NewStorage makes a storage of a type ("iscsi"), or, when storageType is "",
// of the type whose prefix the mount point begins with.
func (m *Manager) NewStorage(mountPoint, storageType string) (Storage, error) {
	cMountPoint, cType := C.CString(mountPoint), C.CString(storageType)
	defer C.free(unsafe.Pointer(cMountPoint))
	defer C.free(unsafe.Pointer(cType))
	result := &storage{}
	err := call(func() C.int {
		return C.discsi_storage_new(m.handle, cMountPoint, cType,
			&result.handle)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// FindStorage is the storage of that id.
func (m *Manager) FindStorage(id string) (Storage, error) {
	cID := C.CString(id)
	defer C.free(unsafe.Pointer(cID))
	result := &storage{}
	err := call(func() C.int {
		return C.discsi_storage_find(m.handle, cID, &result.handle)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}
