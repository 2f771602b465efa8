// SPDX-License-Identifier: LGPL-2.1-or-later

package discsi

// #include <stdlib.h>
// #include <discsi/discsi.h>
import "C"

import (
	"context"
	"encoding/json"
	"io"
	"time"
	"unsafe"
)

// Storage is what an agent does with a storage. Functions that wait take a
// context, whose end cancels them, and with them all that wait for the same
// storage; the library's own deadline is in the configuration (mount_timeout).
type Storage interface {
	SetStorageInfo(id, name string, conf []byte) error
	GetStorageId() string
	GetStorageName() string
	GetZoneId() string
	GetPath() string
	GetStorageType() string
	GetStorageConf() (json.RawMessage, error)
	GetStorageCacheId() string
	SetStorageCacheId(id string) error
	GetSnapshotDir() string
	GetBackupDir() string
	IsLocal() bool

	// MountStorage also makes anew what was mounted and has given up, of
	// the same disk: another one is ESTALE until UnmountStorage.
	MountStorage(ctx context.Context) error
	UnmountStorage() error
	DetachStorage() error
	Accessible(ctx context.Context) error
	IsConnected() bool
	GetDevicePath() (string, error)

	SyncStorageInfo() (json.RawMessage, error)
	SyncStorageSize() (StorageStat, error)
	GetCapacityMb() (uint64, error)
	GetFreeMb() (uint64, error)

	CreateDisk(id string) (Disk, error)
	GetDiskById(id string) (Disk, error)
	RemoveDisk(id string) error
	GetDisksPath() (string, error)

	CreateSnapshot(diskID, snapshotID string) error
	DeleteSnapshot(diskID, snapshotID string) error
	SnapshotExists(diskID, snapshotID string) (bool, error)
	StorageBackup(diskID, backupID string) error
	StorageRecovery(diskID, backupID string) error
	CloneDisk(diskID, newID string) error
	SaveToImage(diskID, imageID string) error

	io.ReaderAt
	io.WriterAt

	// Release ends this handle; what is mounted and has an id stays so.
	Release()
}

// StorageStat has sizes in MiB, rounded down. MappedMb is what a thin LUN has
// allocated, and says nothing unless HasMapped.
type StorageStat struct {
	CapacityMb           uint64
	ActualCapacityUsedMb uint64
	MappedMb             uint64
	HasMapped            bool
	Thin                 bool
}

type storage struct {
	handle *C.struct_discsi_storage
}

type textFunction func(*C.struct_discsi_storage, **C.char) C.int

// text receives what the library allocates.
func (s *storage) text(function textFunction) (string, error) {
	var text *C.char
	if err := call(func() C.int { return function(s.handle, &text) }); err != nil {
		return "", err
	}
	defer C.free(unsafe.Pointer(text))
	return C.GoString(text), nil
}

func (s *storage) textOrEmpty(function textFunction) string {
	text, _ := s.text(function)
	return text
}

func (s *storage) SetStorageInfo(id, name string, conf []byte) error {
	cID, cName := C.CString(id), C.CString(name)
	cConf := C.CBytes(conf)
	defer C.free(unsafe.Pointer(cID))
	defer C.free(unsafe.Pointer(cName))
	defer C.free(cConf)
	return call(func() C.int {
		return C.discsi_storage_set_info(s.handle, cID, cName,
			(*C.char)(cConf), C.size_t(len(conf)))
	})
}

func (s *storage) GetStorageId() string {
	return s.textOrEmpty(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_id(h, t)
	})
}

func (s *storage) GetStorageName() string {
	return s.textOrEmpty(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_name(h, t)
	})
}

func (s *storage) GetZoneId() string {
	return s.textOrEmpty(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_zone_id(h, t)
	})
}

func (s *storage) GetPath() string {
	return s.textOrEmpty(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_path(h, t)
	})
}

func (s *storage) GetStorageType() string {
	return C.GoString(C.discsi_storage_type_name(s.handle))
}

func (s *storage) GetStorageConf() (json.RawMessage, error) {
	text, err := s.text(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_get_conf(h, t)
	})
	return json.RawMessage(text), err
}

func (s *storage) GetStorageCacheId() string {
	return s.textOrEmpty(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_cache_id(h, t)
	})
}

func (s *storage) SetStorageCacheId(id string) error {
	cID := C.CString(id)
	defer C.free(unsafe.Pointer(cID))
	return call(func() C.int {
		return C.discsi_storage_set_cache_id(s.handle, cID)
	})
}

func (s *storage) GetSnapshotDir() string {
	return C.GoString(C.discsi_storage_snapshot_dir(s.handle))
}

func (s *storage) GetBackupDir() string {
	return C.GoString(C.discsi_storage_backup_dir(s.handle))
}

func (s *storage) IsLocal() bool {
	return bool(C.discsi_storage_is_local(s.handle))
}

// nudge is how often a call is cancelled until it returns: a cancel that comes
// before the call has begun is lost.
const nudge = 50 * time.Millisecond

// watch cancels when ctx ends, until done.
func watch(ctx context.Context, done <-chan struct{}, cancel func()) {
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	for {
		cancel()
		select {
		case <-done:
			return
		case <-time.After(nudge):
		}
	}
}

// cancellable runs a function that waits; the end of ctx cancels it.
func (s *storage) cancellable(ctx context.Context, function func() C.int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		watch(ctx, done, func() { C.discsi_storage_cancel(s.handle) })
	}()
	err := call(function)
	close(done)
	<-watched
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (s *storage) MountStorage(ctx context.Context) error {
	return s.cancellable(ctx, func() C.int {
		return C.discsi_storage_mount(s.handle, nil)
	})
}

func (s *storage) UnmountStorage() error {
	return call(func() C.int { return C.discsi_storage_unmount(s.handle, 0) })
}

func (s *storage) DetachStorage() error {
	return call(func() C.int { return C.discsi_storage_detach(s.handle, 0) })
}

func (s *storage) Accessible(ctx context.Context) error {
	return s.cancellable(ctx, func() C.int {
		return C.discsi_storage_accessible(s.handle, nil)
	})
}

func (s *storage) IsConnected() bool {
	return bool(C.discsi_storage_is_connected(s.handle))
}

func (s *storage) GetDevicePath() (string, error) {
	return s.text(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_device_path(h, t)
	})
}

func (s *storage) GetDisksPath() (string, error) {
	return s.text(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_disks_path(h, t)
	})
}

func (s *storage) SyncStorageInfo() (json.RawMessage, error) {
	text, err := s.text(func(h *C.struct_discsi_storage, t **C.char) C.int {
		return C.discsi_storage_sync_info(h, t)
	})
	return json.RawMessage(text), err
}

func (s *storage) SyncStorageSize() (StorageStat, error) {
	var stat C.struct_discsi_storage_stat
	stat.size = C.size_t(unsafe.Sizeof(stat))
	err := call(func() C.int {
		return C.discsi_storage_sync_size(s.handle, &stat)
	})
	return StorageStat{
		CapacityMb:           uint64(stat.capacity_mb),
		ActualCapacityUsedMb: uint64(stat.actual_capacity_used_mb),
		MappedMb:             uint64(stat.mapped_mb),
		HasMapped:            bool(stat.has_mapped),
		Thin:                 bool(stat.thin),
	}, err
}

func (s *storage) GetCapacityMb() (uint64, error) {
	var mb C.uint64_t
	err := call(func() C.int {
		return C.discsi_storage_capacity_mb(s.handle, &mb)
	})
	return uint64(mb), err
}

func (s *storage) GetFreeMb() (uint64, error) {
	var mb C.uint64_t
	err := call(func() C.int {
		return C.discsi_storage_free_mb(s.handle, &mb)
	})
	return uint64(mb), err
}

// ReadAt reads whole blocks; for device "none".
func (s *storage) ReadAt(p []byte, offset int64) (int, error) {
	return s.transfer(p, func(data unsafe.Pointer) C.int {
		return C.discsi_storage_read(s.handle, data, C.size_t(len(p)),
			C.uint64_t(offset), 0)
	})
}

// WriteAt writes whole blocks; for device "none".
func (s *storage) WriteAt(p []byte, offset int64) (int, error) {
	return s.transfer(p, func(data unsafe.Pointer) C.int {
		return C.discsi_storage_write(s.handle, data, C.size_t(len(p)),
			C.uint64_t(offset), 0)
	})
}

func (s *storage) transfer(p []byte, function func(unsafe.Pointer) C.int) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	err := call(func() C.int { return function(unsafe.Pointer(&p[0])) })
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *storage) Release() {
	C.discsi_storage_put(s.handle)
	s.handle = nil
}
