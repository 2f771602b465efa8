// SPDX-License-Identifier: LGPL-2.1-or-later

package discsi

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The LUN that the tests may overwrite: the file DISCSI_TEST_CONF names has a
// configuration with device "none".
func testConf(t *testing.T, change map[string]any) []byte {
	t.Helper()
	path := os.Getenv("DISCSI_TEST_CONF")
	if path == "" {
		t.Skip("DISCSI_TEST_CONF does not name a configuration")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	conf := map[string]any{}
	if err := json.Unmarshal(text, &conf); err != nil {
		t.Fatal(err)
	}
	for name, value := range change {
		conf[name] = value
	}
	text, err = json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newStorage(t *testing.T, manager *Manager, id string, change map[string]any) Storage {
	t.Helper()
	storage, err := manager.NewStorage("iscsi/"+id, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(storage.Release)
	if err := storage.SetStorageInfo(id, "disk "+id, testConf(t, change)); err != nil {
		t.Fatal(err)
	}
	return storage
}

func newManager(t *testing.T) *Manager {
	t.Helper()
	manager, err := NewManager()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(manager.Close)
	return manager
}

func expect(t *testing.T, err error, errno syscall.Errno) {
	t.Helper()
	if !errors.Is(err, errno) {
		t.Fatalf("%v instead of %v", err, errno)
	}
	if err.Error() == "" {
		t.Fatal("no sentence")
	}
}

func TestLife(t *testing.T) {
	manager := newManager(t)
	storage := newStorage(t, manager, "one", nil)
	if storage.GetStorageType() != "iscsi" || storage.IsLocal() ||
		storage.GetStorageName() != "disk one" {
		t.Fatal("identity")
	}
	for i := 0; i < 2; i++ {
		if err := storage.MountStorage(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if !storage.IsConnected() {
		t.Fatal("not connected")
	}
	if err := storage.Accessible(context.Background()); err != nil {
		t.Fatal(err)
	}
	disk, err := storage.CreateDisk("data")
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Release()
	stat, err := storage.SyncStorageSize()
	if err != nil || stat.CapacityMb == 0 ||
		stat.ActualCapacityUsedMb != stat.CapacityMb {
		t.Fatal(stat, err)
	}
	info, err := storage.SyncStorageInfo()
	if err != nil || !json.Valid(info) ||
		!strings.Contains(string(info), "online") {
		t.Fatal(string(info), err)
	}
	found, err := manager.FindStorage("one")
	if err != nil || found.GetStorageId() != "one" {
		t.Fatal(err)
	}
	found.Release()
	for i := 0; i < 2; i++ {
		if err := storage.UnmountStorage(); err != nil {
			t.Fatal(err)
		}
	}
	if storage.IsConnected() {
		t.Fatal("still connected")
	}
	_, err = storage.GetDiskById("data")
	expect(t, err, syscall.ENOTCONN)
}

func TestBlocks(t *testing.T) {
	storage := newStorage(t, newManager(t), "blocks", nil)
	if err := storage.MountStorage(context.Background()); err != nil {
		t.Fatal(err)
	}
	written, read := make([]byte, 8192), make([]byte, 8192)
	if _, err := rand.Read(written); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.WriteAt(written, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.ReadAt(read, 4096); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, read) {
		t.Fatal("other data")
	}
	if _, err := storage.WriteAt(make([]byte, 8192), 4096); err != nil {
		t.Fatal(err)
	}
	if err := storage.UnmountStorage(); err != nil {
		t.Fatal(err)
	}
}

func TestErrors(t *testing.T) {
	manager := newManager(t)
	_, err := manager.NewStorage("x", "floppy")
	expect(t, err, syscall.EOPNOTSUPP)
	_, err = manager.FindStorage("none")
	expect(t, err, syscall.ENOENT)
	storage := newStorage(t, manager, "wrong", map[string]any{"lun_id": 99})
	expect(t, storage.MountStorage(context.Background()), syscall.ENXIO)
	expect(t, storage.CreateSnapshot("a", "b"), syscall.EOPNOTSUPP)
	expect(t, storage.SetStorageInfo("wrong", "", []byte("[")), syscall.EINVAL)
}

func TestCancelledContext(t *testing.T) {
	storage := newStorage(t, newManager(t), "cancelled", nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := storage.MountStorage(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// The first cancels come too early and are lost.
func TestCancelAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan struct{})
	cancels := 0
	watch(ctx, done, func() {
		if cancels++; cancels == 3 {
			close(done)
		}
	})
	if cancels != 3 {
		t.Fatal(cancels)
	}
}

func TestGoroutines(t *testing.T) {
	storage := newStorage(t, newManager(t), "many", nil)
	var group sync.WaitGroup
	failures := make(chan error, 32)
	for i := 0; i < 32; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			failures <- storage.Accessible(context.Background())
		}()
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := storage.UnmountStorage(); err != nil {
		t.Fatal(err)
	}
}
