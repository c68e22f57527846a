package agent

import "sekimori/internal/kit/wire"

// writtenFiles gathers what was written onto a medium, each name once and no more names than
// an event holds. Contents are never looked at.
type writtenFiles struct {
	files []wire.WrittenFile
	at    map[string]int
	more  int
}

func newWrittenFiles() *writtenFiles { return &writtenFiles{at: map[string]int{}} }

const maxFileName = 240 // bytes of a path that are kept

func (w *writtenFiles) add(name string, size int64, at wire.Micros) {
	f := wire.WrittenFile{Name: clip(name, maxFileName), Size: size, At: at}
	if i, ok := w.at[f.Name]; ok {
		w.files[i] = f
		return
	}
	if len(w.files) == wire.MaxWrittenFiles {
		w.more++
		return
	}
	w.at[f.Name] = len(w.files)
	w.files = append(w.files, f)
}

// take gives what was gathered and begins anew.
func (w *writtenFiles) take() (files []wire.WrittenFile, more int) {
	files, more = w.files, w.more
	*w = *newWrittenFiles()
	return files, more
}
