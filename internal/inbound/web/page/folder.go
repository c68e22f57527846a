package page

import (
	"embed"
	"io/fs"
)

// Folder gives a room's page files out of the folder templates that it embeds.
func Folder(embedded embed.FS) fs.FS {
	sub, err := fs.Sub(embedded, "templates")
	if err != nil {
		return embedded // cannot be: the name is a valid path
	}
	return sub
}
