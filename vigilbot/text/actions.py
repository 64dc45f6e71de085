# ruff: noqa: RUF001 - words of many languages
"""What a text asks to be done, where that has an opposite: import and export, turning on and off.

Who asks for the one is not helped with the other. A state or a complaint ("is locked", "keeps
disconnecting") is no wish, and often tells of the same trouble as the wish for the opposite; so only
what stands where a wish stands, in the form of one, counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vigilbot.text.stopwords import word_set

# By pair and side the words that can ask for it and, behind a bar, those that only tell of it.
_ACTIONS: tuple[tuple[str, str], ...] = (
    (
        "enable activate | enabled enables enabling activated activates activating",
        "disable deactivate | disabled disables disabling deactivated deactivates deactivating",
    ),
    ("install | installed installing", "uninstall | uninstalled uninstalling"),
    ("subscribe | subscribed", "unsubscribe | unsubscribed"),
    ("increase | increased higher", "decrease | decreased lower"),
    ("start | started starts", "stop | stopped stops"),
    ("upgrade | upgraded", "downgrade | downgraded"),
    ("add | added adds", "remove delete | removed removes deleted"),
    ("lock | locked", "unlock | unlocked"),
    ("import | imported importing imports", "export | exported exporting exports"),
    ("upload | uploaded uploading uploads", "download | downloaded downloading downloads"),
    (
        "connect pair bind attach | connected connecting pairing binding attached",
        "disconnect unlink unpair unbind detach | disconnected disconnecting unpairing unbinding detached",
    ),
    ("grant | granted granting", "revoke #take | revoked revoking #taken"),
    ("accept approve | accepted approved approving", "reject decline | rejected declined"),
    ("publish | published publishing", "unpublish | unpublished unpublishing"),
    ("assign | assigned", "unassign | unassigned"),
    ("pause | paused pausing", "resume unpause | resumed resuming"),
    ("archive | archived archiving", "unarchive | unarchived unarchiving"),
    ("mute | muted muting", "unmute | unmuted unmuting"),
    ("block | blocked blocking", "unblock | unblocked unblocking"),
    ("hide | hidden hiding hides", "unhide"),
    ("encrypt | encrypted encrypting", "decrypt | decrypted decrypting"),
    ("include | included including", "exclude | excluded excluding"),
    ("push | pushed pushing", "pull | pulled pulling"),
    ("| incoming inbound", "| outgoing outbound"),
    ("merge join | merged merging joined joining", "split separate | splitting separated"),
    ("| #on", "| #off"),
    ("| #up", "| #down"),
    ("aktivieren einschalten | aktiviert", "deaktivieren ausschalten | deaktiviert"),
    ("activer activez | active", "desactiver desactivez | desactive"),
    (
        "activar habilitar | activado habilitado active",
        "desactivar deshabilitar | desactivado deshabilitado desactive",
    ),
    ("ativar habilitar | ativado", "desativar desabilitar | desativado"),
    ("attivare abilitare | attivato", "disattivare disabilitare | disattivato"),
    ("inschakelen | ingeschakeld", "uitschakelen | uitgeschakeld"),
    ("wlacz wlaczyc | wlaczone", "wylacz wylaczyc | wylaczone"),
    ("включить включите | включен", "выключить отключить отключите выключите | отключен"),
    ("importieren importiere", "exportieren exportiere"),
    ("hochladen | hochgeladen", "herunterladen | heruntergeladen"),
    ("verbinden verknupfen | verbunden", "trennen | getrennt"),
    ("hinzufugen anlegen", "entfernen loschen"),
    ("sperren | gesperrt", "entsperren | entsperrt"),
    ("installieren installiere", "deinstallieren deinstalliere"),
    ("importer importez importar", "exporter exportez exportar"),
    ("ajouter ajoutez", "supprimer supprimez retirer"),
    ("installer", "desinstaller"),
    ("bloquer | bloque", "debloquer | debloque"),
    ("agregar anadir adicionar", "eliminar quitar borrar remover excluir"),
    ("instalar", "desinstalar"),
    ("conectar vincular", "desconectar desvincular"),
    ("bloquear", "desbloquear"),
    ("importare", "esportare"),
    ("aggiungere", "rimuovere eliminare"),
    ("collegare", "scollegare"),
    ("importeren", "exporteren"),
    ("dodac", "usunac"),
    ("добавить", "удалить"),
    ("导入", "导出"),
    ("上传", "下载"),
    ("绑定", "解绑 解除绑定"),
    ("连接", "断开"),
    ("安装", "卸载"),
    ("订阅", "退订 取消订阅"),
    ("锁定", "解锁"),
    ("添加 新增", "删除 移除"),
    ("启用 开启", "禁用 停用 关闭"),
    ("有効", "無効"),
    ("활성화", "비활성화"),
)
SIDES = tuple((one.replace("|", " "), two.replace("|", " ")) for one, two in _ACTIONS)
"""By pair the words of either side, whatever their form."""

_WORDS: dict[str, tuple[tuple[int, int], ...]] = {}
for _pair, _two in enumerate(_ACTIONS):
    for _form, _sign in zip(_two, (1, -1), strict=True):
        for _word in _form.split("|")[0].split():
            _WORDS[_word] = (*_WORDS.get(_word, ()), (_pair, _sign))
_ON = next(pair for pair, side in enumerate(SIDES) if "#on" in side[0])
_ENGLISH = _ON + 2  # first pairs, in English: there a bare form can also be a noun, or tell what one does
_SWITCHES = frozenset(["turn", "switch", "toggle", "set", "put", "keep", "leave"])
_FAR = 6  # words from "turn" to its "on"
_MODAL = word_set("can could may might should shall must do does did would will")
_SOMEBODY = word_set("i we you one someone somebody anyone anybody he she they it people users customers")
_THING = word_set("what which why who whom whose")
_BETWEEN = word_set("just also then now again only ever still always please simply pls safely #off #on")
_FIRST = word_set("please pls hi hello hey and then so just now kindly help let's lets")
_UNSPACED_FROM = 0x3000  # from here on scripts without spaces

_UNSPACED_CLAUSE = re.compile(r"[^，。！？、；,.!?;\n]+")
_UNSPACED_WORDS = tuple(sorted((w for w in _WORDS if ord(w[0]) > _UNSPACED_FROM), key=lambda w: (-len(w), w)))
_UNSPACED_WORD = re.compile("|".join(_UNSPACED_WORDS))
_HAN_WISH = re.compile(r"如何|怎么|怎样|咋|想|要|请|可以|能|帮|需要|希望")
_HAN_STATE = re.compile(r"[被遭已老总]|为什么|为何|一直|自动|自己|突然|经常|会$")
_HAN_DONE = re.compile(r"[了着过]|失败|状态|中\b")
_JAPANESE_WISH = re.compile(r"化?\s?(?:に\s?(?:する|し(?!て?い)|でき|設定)|化(?:する|し(?!て?い)|でき))")
_KOREAN_WISH = re.compile(r"(?:를|을)?\s?(?:하|할|해|시키)")


def asked_for(clause: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pair and side of what a clause, as folded words, asks to be done. Writing with spaces only."""
    wished = False
    for n, word in enumerate(clause):
        pairs = _WORDS.get(word, ())
        switch = _switched(clause, n) if word in _SWITCHES else 0
        if not pairs and not switch:
            continue
        english = switch or word == "#take" or any(pair < _ENGLISH for pair, _ in pairs)
        joined = wished and n > 0 and clause[n - 1] in ("and", "or")
        if english and not joined and not _wish(clause, n):
            continue
        wished = True
        if switch:
            yield _ON, switch
        yield from (found for found in pairs if ord(word[0]) < _UNSPACED_FROM)


def _switched(clause: Sequence[str], n: int) -> int:
    """The side of "turn ... on" and "turn ... off"; 0 for anything else."""
    for word in clause[n + 1 : n + 1 + _FAR]:
        if word in ("#on", "#off"):
            return 1 if word == "#on" else -1
    return 0


def _wish(clause: Sequence[str], n: int) -> bool:
    """Whether an English verb stands where one asks for it: "how do I ...", "to ...", "please ...", first."""
    before = [w for w in clause[:n] if w not in _BETWEEN and not (w.endswith("ly") and len(w) > 4)]
    if all(word in _FIRST for word in before) or clause[n - 1] in ("please", "pls"):
        return True
    if before[-1] == "to":
        return True
    if any(word in _THING for word in before):  # "what should I add": the thing is asked for
        return False
    if before[-1] in _MODAL:  # "the lock can block": nobody asks
        return False
    if before[-1] in _SOMEBODY:
        return len(before) > 1 and before[-2] in _MODAL
    return len(before) > 2 and before[-3] in _MODAL and before[0] in ("how", "where", "can", "could")


def asked_for_unspaced(folded: str) -> Iterator[tuple[int, int]]:
    """The same for a whole folded text in a script without spaces between words, or in Korean."""
    for clause in _UNSPACED_CLAUSE.findall(folded):
        for match in _UNSPACED_WORD.finditer(clause):
            if _wish_unspaced(match[0], clause[: match.start()], clause[match.end() :]):
                yield from _WORDS[match[0]]


def _wish_unspaced(word: str, before: str, after: str) -> bool:
    if word in ("有効", "無効"):
        return _JAPANESE_WISH.match(after) is not None
    if word in ("활성화", "비활성화"):
        return _KOREAN_WISH.match(after) is not None
    return bool(_HAN_WISH.search(before)) and not _HAN_STATE.search(before) and not _HAN_DONE.match(after)
