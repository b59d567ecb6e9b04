"""What an event can tell of."""

from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Action(TextChoices):
    """The values are for ever: they stand in the trail and in exports. (No choices of a field, so that a new
    one needs no migration.)"""

    CONFIG_CREATED = "config.created", _("Configuration created")
    CONFIG_CHANGED = "config.changed", _("Configuration changed")
    CONFIG_DELETED = "config.deleted", _("Configuration deleted")
    CONFIG_TESTED = "config.tested", _("Connection tested")
    CONFIG_MODELS_FETCHED = "config.models_fetched", _("Models fetched")
    CONFIG_ACTIVATED = "config.activated", _("Configuration activated")
    CONFIG_DEACTIVATED = "config.deactivated", _("Configuration deactivated")
    CONFIG_ROLLED_BACK = "config.rolled_back", _("Rolled back")
    ACTIVATION_REQUESTED = "activation.requested", _("Activation requested")
    ACTIVATION_APPROVED = "activation.approved", _("Activation approved")
    ACTIVATION_REJECTED = "activation.rejected", _("Activation rejected")
    ACTIVATION_WITHDRAWN = "activation.withdrawn", _("Activation request withdrawn")
    KEY_ISSUED = "key.issued", _("API key issued")
    KEY_REISSUED = "key.reissued", _("API key given a new secret")
    KEY_CHANGED = "key.changed", _("API key changed")
    KEY_REVOKED = "key.revoked", _("API key revoked")
    KEY_DELETED = "key.deleted", _("API key deleted")
    GENERATOR_CREATED = "generator.created", _("Generator drafted")
    GENERATOR_CHANGED = "generator.changed", _("Generator draft changed")
    GENERATOR_PUBLISHED = "generator.published", _("Generator published")
    GENERATOR_MADE_CURRENT = "generator.made_current", _("Generator made current")
    GENERATOR_RETIRED = "generator.retired", _("Generator retired")
    GENERATOR_RESTORED = "generator.restored", _("Generator brought back")
    GENERATOR_DELETED = "generator.deleted", _("Generator draft deleted")
    SECRETS_ROTATED = "secrets.rotated", _("Secrets rotated")
    JOB_CANCELLED = "job.cancelled", _("Job cancelled by staff")
    WEBHOOK_DISABLED = "webhook.disabled", _("Webhook switched off after failures")
    WEBHOOK_REGISTERED = "webhook.registered", _("Webhook registered")
    WEBHOOK_CHANGED = "webhook.changed", _("Webhook changed")
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated", _("Webhook given a new secret")
    WEBHOOK_SWITCHED_ON = "webhook.switched_on", _("Webhook switched on")
    WEBHOOK_SWITCHED_OFF = "webhook.switched_off", _("Webhook switched off")
    WEBHOOK_REMOVED = "webhook.removed", _("Webhook removed")
    WEBHOOK_TESTED = "webhook.tested", _("Webhook tested by staff")
    WEBHOOK_REDELIVERED = "webhook.redelivered", _("Webhook deliveries sent once more by staff")
    LOGIN = "login.succeeded", _("Logged in")
    LOGIN_FAILED = "login.failed", _("Login failed")
    LOGIN_LOCKED = "login.locked", _("Login locked")
    LOGOUT = "logout", _("Logged out")
    PASSWORD_CHANGED = "password.changed", _("Password changed")
    USER_CREATED = "user.created", _("User created")
    USER_CHANGED = "user.changed", _("User changed")
    USER_DELETED = "user.deleted", _("User deleted")
    PERMISSIONS_CHANGED = "permissions.changed", _("Permissions changed")
    GROUP_CREATED = "group.created", _("Group created")
    GROUP_CHANGED = "group.changed", _("Group changed")
    GROUP_DELETED = "group.deleted", _("Group deleted")
    EXPORTED = "exported", _("Audit trail exported")


def label_of(action: str) -> str:
    """In the reader's language; the value itself of an action that this version does not know."""
    return str(Action(action).label) if action in Action.values else action
