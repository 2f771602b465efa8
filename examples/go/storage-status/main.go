// SPDX-License-Identifier: LGPL-2.1-or-later

// storage-status mounts the storage that a configuration file describes, tells
// what it is as JSON, and unmounts it. ^C ends it cleanly at any moment.
//
//	storage-status FILE
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"discsi/discsi"
)

func run(path string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	conf, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	manager, err := discsi.NewManager()
	if err != nil {
		return err
	}
	defer manager.Close()
	storage, err := manager.NewStorage(path, "iscsi")
	if err != nil {
		return err
	}
	defer storage.Release()
	id := strings.TrimSuffix(filepath.Base(path), ".json")
	if err := storage.SetStorageInfo(id, id, conf); err != nil {
		return err
	}
	if err := storage.MountStorage(ctx); err != nil {
		return err
	}
	info, err := storage.SyncStorageInfo()
	if err == nil {
		fmt.Println(string(info))
	}
	if failure := storage.UnmountStorage(); err == nil {
		err = failure
	}
	return err
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: storage-status FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "storage-status:", err)
		os.Exit(1)
	}
}
