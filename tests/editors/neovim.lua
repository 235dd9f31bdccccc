-- Two clients of a language server, as Neovim's users have them, in the least code that does what those do: ghost text
-- as Neovim has it built in from 0.12 on, for older ones, and next edits as sidekick.nvim asks for them.

local inline = 'textDocument/inlineCompletion'
local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')

local function client_of(method)
  return vim.lsp.get_clients({ bufnr = 0, method = method })[1]
end

local function position(client)
  return vim.lsp.util.make_position_params(0, client.offset_encoding)
end

local function apply(client, range, text)
  local edits = { { range = range, newText = text } }
  vim.lsp.util.apply_text_edits(edits, vim.api.nvim_get_current_buf(), client.offset_encoding)
end

--- Ghost text: asked for on each key, shown where its range begins, accepted by `get`.
local ghost = { item = nil, client = nil }

function ghost.hide()
  vim.api.nvim_buf_clear_namespace(0, namespace, 0, -1)
  ghost.item = nil
end

function ghost.show(client, item)
  ghost.hide()
  local start = item.range.start
  local line = vim.api.nvim_buf_get_lines(0, start.line, start.line + 1, true)[1]
  local column = vim.str_byteindex(line, client.offset_encoding, start.character)
  local shown = vim.tbl_map(function(text)
    return { { text, 'Comment' } }
  end, vim.split(item.insertText, '\n'))
  vim.api.nvim_buf_set_extmark(0, namespace, start.line, column, {
    virt_text = shown[1],
    virt_text_pos = 'inline',
    virt_lines = vim.list_slice(shown, 2),
  })
  ghost.item, ghost.client = item, client
end

function ghost.ask()
  local client = client_of(inline)
  if not client then
    return
  end
  local changed = vim.b.changedtick
  client:request(inline, position(client), function(err, result)
    assert(not err, vim.inspect(err))
    local item = result.items[1]
    if vim.b.changedtick ~= changed or not vim.startswith(vim.fn.mode(), 'i') then
      return
    end
    if item then
      ghost.show(client, item)
    else
      ghost.hide()
    end
  end)
end

function ghost.get()
  local item, client = ghost.item, ghost.client
  if not item then
    return false
  end
  vim.schedule(function()
    ghost.hide()
    local first = item.range.start
    apply(client, item.range, item.insertText)
    local lines = vim.split(item.insertText, '\n')
    local row = first.line + #lines - 1
    local line = vim.api.nvim_buf_get_lines(0, row, row + 1, true)[1]
    local before = #lines == 1 and vim.str_byteindex(line, client.offset_encoding, first.character) or 0
    vim.api.nvim_win_set_cursor(0, { row + 1, before + #lines[#lines] })
    client:exec_cmd(item.command, { bufnr = 0 })
  end)
  return true
end

function ghost.enable()
  vim.api.nvim_create_autocmd({ 'InsertEnter', 'CursorMovedI' }, { callback = ghost.ask })
  vim.api.nvim_create_autocmd('InsertLeave', { callback = ghost.hide })
end

if not vim.lsp.inline_completion then
  vim.lsp.inline_completion = { enable = ghost.enable, get = ghost.get }
end

--- Next edits: asked of the first client whose name holds "copilot", once Insert mode is left or the text has changed.
local next_edit = { edits = {} }

local function is_for_what_is_there(edit)
  local buffer = vim.fn.bufnr(vim.uri_to_fname(edit.textDocument.uri))
  return edit.textDocument.version == vim.lsp.util.buf_versions[buffer]
end

function next_edit.client()
  return vim.iter(vim.lsp.get_clients({ bufnr = 0 })):find(function(client)
    return client.name:lower():find('copilot') ~= nil
  end)
end

function next_edit.ask()
  next_edit.edits = {}
  local client = next_edit.client()
  if not client then
    return
  end
  local params = position(client)
  params.textDocument.version = vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()]
  params.context = { triggerKind = 2 }
  client:request('textDocument/copilotInlineEdit', params, function(err, result)
    assert(not err, vim.inspect(err))
    next_edit.edits = result.edits
  end)
end

function next_edit.apply()
  local client = next_edit.client()
  local edits = vim.tbl_filter(is_for_what_is_there, next_edit.edits)
  next_edit.edits = {}
  for _, edit in ipairs(edits) do
    apply(client, edit.range, edit.text)
    client:exec_cmd(edit.command, { bufnr = 0 })
  end
  return #edits > 0
end

vim.api.nvim_create_autocmd('ModeChanged', { pattern = 'i:n', callback = next_edit.ask })
vim.api.nvim_create_autocmd('TextChanged', { callback = next_edit.ask })
_G.next_edit = next_edit
